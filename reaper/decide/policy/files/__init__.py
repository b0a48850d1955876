"""Policy files as text: reading, merging and writing; nothing here opens a file.

problems.py     the text of a file, and the mistakes in it
yaml_tree.py    YAML as a tree whose nodes know their places
values.py       readers for each kind of value
keys.py         tables of all keys
merge.py        reads the files one by one and merges them
parse.py        completes the merged files to a policy
render.py       a policy as YAML
provenance.py   where each value of a policy is written
annotate.py     a policy as YAML, with the place of each value in a comment
"""
