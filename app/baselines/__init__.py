"""How every workload is doing against what is usual for it, the healthy ones too: headline signals as sparklines."""
