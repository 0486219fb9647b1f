"""Writes prices.json from the catalogue of the Python package genai-prices (MIT licence, Pydantic Services Inc.).

    pip install genai-prices
    python extract.py > prices.json

Only facts are taken: what a million tokens of text cost in US dollars, for the providers that this project serves. A
price that changes on a date is the one of today; one that depends on the time of day is the dearest. Names that are
found by a shorter one (without their date, version or region) have no row of their own.
"""

import datetime
import importlib.metadata
import json
import re

from genai_prices import types
from genai_prices.data import providers

# The provider's name here, and in the catalogue.
PROVIDERS = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "gemini": "google",
    "mistral": "mistral",
    "bedrock": "aws",
    "openrouter": "openrouter",
    "groq": "groq",
    "deepseek": "deepseek",
    "xai": "x-ai",
}
FIELDS = {"input": "input_mtok", "cached_input": "cache_read_mtok", "cache_write": "cache_write_mtok", "output": "output_mtok"}
# As model/price.rs looks a name up.
DATE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8})$")
VERSION = re.compile(r"-v\d+(:\d+)?$")
REGION = re.compile(r"^(us-gov|us|eu|apac|jp|au)\.")
# Finer than a millionth of a dollar for a million tokens is noise of a conversion.
DECIMALS_MAX = 6


def current(prices):
    """The price of today, at its dearest hour."""
    if isinstance(prices, types.ModelPrice):
        return prices
    today, now, hours = datetime.date.today(), None, []
    for conditional in prices:
        constraint = conditional.constraint
        if isinstance(constraint, types.TimeOfDateConstraint):
            hours.append(conditional.prices)
        elif constraint is None or constraint.start_date <= today:
            now, hours = conditional.prices, []
    of_input = lambda price: base(price.input_mtok or 0)
    return max([now, *hours], key=of_input)


def base(price):
    return price.base if isinstance(price, types.TieredPrices) else price


def number(decimal):
    value = round(float(decimal), DECIMALS_MAX)
    return int(value) if value == int(value) else value


def row(prices):
    """The price as this project writes it; nothing for what does not read and write text by the token."""
    if prices.input_mtok is None or prices.output_mtok is None:
        return None
    found = {name: getattr(prices, field) for name, field in FIELDS.items() if getattr(prices, field) is not None}
    if any(base(price) < 0 for price in found.values()):
        return None
    written = {name: number(base(price)) for name, price in found.items()}
    starts = {tier.start for price in found.values() if isinstance(price, types.TieredPrices) for tier in price.tiers}
    if starts:
        # Where there are several steps, the last and dearest stands for all: a cost may be said too high, never too low.
        step = lambda price: price.tiers[-1].price if isinstance(price, types.TieredPrices) else price
        written["over"] = {"tokens": min(starts)} | {name: number(step(price)) for name, price in found.items()}
    return written


def texts(clause):
    """The names that a matching rule mentions; whether each is one, the catalogue is asked."""
    if isinstance(clause, types.ClauseOr):
        return [text for inner in clause.or_ for text in texts(inner)]
    named = (getattr(clause, field, None) for field in ("equals", "starts_with", "contains", "ends_with"))
    return [text for text in named if text]


def rows(ours, theirs):
    provider = next(provider for provider in providers if provider.id == theirs)
    found = {}
    for model in provider.models:
        for name in [model.id, *texts(model.match)]:
            known = provider.find_model(name)
            written = known and row(current(known.prices))
            if written and not name.endswith(("-", "/")):
                found[name] = written
    if ours == "gemini":
        found = {name: price for name, price in found.items() if name.startswith(("gemini", "gemma", "models/gemini"))}
    kept = {name: price for name, price in found.items() if price != by_shorter_name(ours, name, found)}
    return {f"{ours}:/{name}": kept[name] for name in sorted(kept)}


def by_shorter_name(ours, name, found):
    names = [DATE.sub("", name)]
    if ours == "bedrock":
        names += [VERSION.sub("", name), DATE.sub("", VERSION.sub("", name))]
        names += [REGION.sub("", shorter) for shorter in [name, *names]]
    return next((found[shorter] for shorter in names if shorter != name and shorter in found), None)


def main():
    prices = {}
    for ours, theirs in PROVIDERS.items():
        prices |= rows(ours, theirs)
    version = importlib.metadata.version("genai-prices")
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(price)}" for name, price in prices.items())
    source = f"genai-prices {version} (MIT), https://github.com/pydantic/genai-prices"
    print(f'{{\n"source": {json.dumps(source)},\n"date": "{datetime.date.today()}",\n"prices": {{\n{lines}\n}}\n}}')


main()
