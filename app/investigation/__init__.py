"""Investigation: is it real, is it still true, how wide is it, and what most likely caused it.

A case goes through the same steps whatever its class (`pipeline`): its scene is framed, evidence is collected, gates
say what speaks against believing it, causes are weighed, and a verdict is given. What differs from class to class is
data: a `Playbook` names the collectors whose evidence it wants and the causes that this evidence can speak for.

Nothing here learns, guesses or calls a language model: the same evidence always gives the same conclusion, and each
line of it says which query or object field it came from.
"""
