"""Formulas: text → tree → checked, typed tree → a compiled Python callable (design 7).

    parser      text → tree, with positions          checker     names → fields, arity, kind of result
    printer     text with ids ↔ text with names      compiler    checked tree → closures, once per schema version
    functions/  one documented function each          completion  what may stand at a position of the text
    values      what values are and how they turn into one another        rollups     the functions over linked records

Pure: knows kinds of value, errors and the wire's form of times; nothing of tables, SQL or HTTP. Who evaluates gives the cells and the
clock (`context`). Source of the rules: contract §7.
"""
