"""Settings: typed, validated, and each value knows where it came from.

`schema` declares them, `loading` reads file, environment and command line over the defaults, `editing` changes one
value in the file without disturbing the rest.
"""

from app.settings.loading import LoadedSettings, SettingsError, load_settings
from app.settings.schema import Settings

__all__ = ["LoadedSettings", "Settings", "SettingsError", "load_settings"]
