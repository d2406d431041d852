"""Work on more images than one process has time for, shard by shard.

A shard is one file of rows. What is to be done with it (`jobs`) depends on the shard
alone, so that its bytes are the same whoever does it, and when: one process, or workers
of Ray on any number of machines (`engine`). A shard gets its name when it is whole, so
that what is missing after a kill can be seen, and is all that is done again (`plan`).
"""
