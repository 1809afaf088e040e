"""Files to rows, and rows to turns.

How:  paths, hub, finding   which files a source is
      containers            what kind of file each is, in chunks that fit in memory
      kinds/                a kind of file as rows: lines of JSON, JSON, tables, Parquet
      together/             rows and lines that are a conversation only together
      shapes/               the shape that a row has (`formats` tells), and what is learnt from it
      chat/                 the turns of one chat: who speaks, what is said, which tools are called
      rows                  a row with its place
      disk/                 files and archives as text, in pieces
      mending/              one broken value made whole, where only one reading is left

Each needs only what stands below it. escapes, quoted and codings are between containers and kinds: they
put right what a row says only with the rows around it.
"""
