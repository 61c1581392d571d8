"""The forms that instructions come in, as patterns over lower-case words.

Groups: `old` and `new` are what is there and what shall be, `both` holds the two unparted,
`front` is what stands before a background, `place` where it shall stand, `verb` and `rest` what
it shall do, `how` what happens to a background.
"""

from __future__ import annotations

import re

from via_engine.masks.wording import DETERMINERS

_PICTURE = r"(?:picture|image|photo|photograph|video|clip|footage|scene|shot|frame|movie|film)"
WHOLE = (
    rf"(?:it|this|that|everything|{DETERMINERS}(?:whole |entire )?{_PICTURE}|"
    rf"{DETERMINERS}(?:whole|entire) thing)"
)
_DET = rf"{DETERMINERS}?"
_CLIMATE = rf"{_DET}(?:time(?: of day)?|season|weather|lighting|light|mood|atmosphere|style)"
_BACK = rf"{_DET}(?:background|backdrop|surroundings|scenery|setting|environment)"
_COLOUR = r"colou?rs?"
_OTHER_COLOUR = rf"(?:a|another|some) ?(?:new|different|other)? ?{_COLOUR}"
_OLD = r"(?P<old>.+?)"
_NEW = r"(?P<new>.+)"
_LIKE = r"(?:look |appear |seem )?(?:to be )?(?:like |as |into |in |to )?"
_CHANGE = r"(?:change|alter|switch)"
_EXCHANGE = r"(?:replace|swap|change|turn|make|switch|set|transform)"
_DEEDS = (
    "smile|laugh|cry|dance|run|jump|wear|hold|sing|wave|ride|carry|sleep|wink|frown|drive|fly|"
    "walk|swim|eat|drink|play|glow|burn"
)
POLITE_START = re.compile(
    r"^(?:(?:please|now|then|just|can you|could you|would you|i want you to|"
    r"i would like you to|i'd like you to|let's|try to)[ ,]+)+"
)
POLITE_END = re.compile(r"[ ,]+(?:please|thanks|thank you|for me|instead)$")
NEW_BACKGROUND = (
    rf"{_EXCHANGE} {_BACK} (?:behind|around|of) (?P<front>.+?) (?:with|to|into|for|by) {_NEW}",
    rf"{_EXCHANGE} {_BACK} (?:with |to |into |for |by |be |look like |as )?{_NEW}",
    rf"(?:put|place|add|set) {_NEW} (?:in|into|as|to) {_BACK}(?: (?:behind|of) (?P<front>.+))?",
    rf"{_BACK} (?:should be|becomes|is) {_NEW}",
)
BACKGROUND_LOOK = (rf"(?P<how>blur|darken|brighten|lighten|remove|delete|erase) {_BACK}",)
ALL_BUT = (
    rf"(?:make|turn|paint|colou?r) everything (?:but|except|apart from|besides) "
    rf"(?P<front>{_DET}\S+(?: \S+)??) (?:into )?{_NEW}",
)
MOVED = (
    rf"(?:put|place|move|set|transport) (?P<front>{WHOLE}|.+?) "
    rf"(?P<place>(?:in|into|at|inside|under|to) (?!.*(?:background|style)){_DET}\S.*|"
    rf"on {_DET}(?:moon|mars|beach|street|stage|mountain)\b.*)",
)
REMOVED = (
    rf"(?:remove|delete|erase|take away|take out|get rid of|cut out|hide|wipe out|eliminate) "
    rf"{_OLD}(?: from .+)?",
    rf"take {_OLD} (?:away|out)",
    rf"make {_OLD} (?:disappear|vanish|go away|invisible)",
)
NEW_COLOUR = (
    rf"{_CHANGE} the {_COLOUR} of {_OLD} (?:from \S+ )?(?:to|into) {_NEW}",
    rf"{_CHANGE} (?!the {_COLOUR} of ){_OLD}(?:'s)? {_COLOUR} (?:from \S+ )?(?:to|into) {_NEW}",
    rf"(?:recolou?r|colou?r|paint|dye|tint) {_OLD} (?:to|in|into|with) (?!{_OTHER_COLOUR}){_NEW}",
)
OTHER_COLOUR = (
    rf"{_CHANGE} the {_COLOUR} of {_OLD}",
    rf"{_CHANGE} {_OLD}(?:'s)? {_COLOUR}",
    rf"(?:give|make|paint|turn|dye|colou?r|recolou?r) {_OLD} (?:in |into )?{_OTHER_COLOUR}",
    rf"(?:recolou?r|repaint) (?!.* to ){_OLD}",
)
WHOLE_PICTURE = (
    rf"{WHOLE} (?:should|must|could) (?:be|become|look) {_LIKE}{_NEW}",
    rf"(?:make|turn|change|convert|transform|render|show|set|cover|have|draw|paint|redraw|switch|"
    rf"let) (?:{WHOLE}|{_CLIMATE}) {_LIKE}(?:with |the style of )?{_NEW}",
    rf"what (?:would|if) (?:it|this) (?:look like |was |were |is )?"
    rf"(?:if it (?:was|were) )?{_LIKE}{_NEW}",
    rf"(?:as|like) (?P<new>{DETERMINERS}.+)",
)
STYLED = (
    rf"(?:in|use|apply|add) {_DET}style of {_NEW}",
    rf"(?:in |use |apply |add )?{_DET}(?P<new>.+) (?:style|look|effect)",
)
ADDED_TO_ALL = (rf"give {WHOLE} {_NEW}",)
GIVEN = (
    rf"give (?P<old>him|her|them) {_NEW}",
    rf"give {_OLD} (?P<new>(?:a|an|some|two|more|longer|shorter|long|short) .+)",
    rf"give (?P<old>{_DET}\S+) {_NEW}",
    rf"(?:put|place|add) (?P<new>.+?) (?:on|onto|to|over|in|around) (?!{WHOLE}$){_OLD}",
    rf"dress {_OLD} in {_NEW}",
    rf"cover {_OLD} (?:with|in) {_NEW}",
    rf"set {_OLD} on (?P<new>fire)",
)
ADDED = (rf"(?:add|put|insert) {_NEW}",)
ACTING = (rf"(?:make|let|have) {_OLD} (?P<verb>{_DEEDS})\b ?(?P<rest>.*)",)
BECOMES = (
    rf"make {_OLD} (?:out of|from|of) {_NEW}",
    rf"(?:replace|swap|exchange|substitute|change|turn|transform|convert|make|morph) {_OLD} "
    rf"(?:with|by|into|for|to(?: be)?|look like|appear as|become) {_NEW}",
    rf"{_OLD} (?:should|must) (?:be|become) (?P<new>{DETERMINERS}.+)",
)
HAS_LOOK = (
    rf"(?:i want )?{_OLD} (?:(?:should|must) (?:be|become|look)|to be) {_NEW}",
    rf"(?:make|turn) {_OLD} (?:look|appear|seem) {_NEW}",
)
BECOMES_A = (rf"(?:make|turn) (?P<old>{_DET}\S.*?) (?P<new>(?:a|an) .+)",)
UNPARTED = (rf"(?:make|turn|paint|colou?r|dye|tint|keep) {_DET}(?P<both>\S+ \S.*)",)
