"""What is saved of a model and which types may come back: files that can't run code, with all that they need."""

from champion.persistence.files import FILE, TRUSTED_TYPES, code, load, requirements
from champion.persistence.logged import log_model, with_schema
