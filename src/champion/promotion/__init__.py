"""Who becomes champion: the rule, the rows that are fair to both, the comparison on them, and the words for it."""

from champion.promotion.decision import Decision, final
from champion.promotion.rows import write as write_rows
from champion.promotion.rule import Rule
from champion.promotion.rule import read as read_rule
