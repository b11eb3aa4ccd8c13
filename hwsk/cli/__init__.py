"""Define the command line: `hwsk`, a file for each group of commands."""

from hwsk.cli._app import main
from hwsk.cli._data import data
from hwsk.cli._identification import identify
from hwsk.cli._models import info, models
from hwsk.cli._preprocessing import preprocess
from hwsk.cli._reading import read
from hwsk.cli._recognition import demo, recognize
from hwsk.cli._serving import serve
from hwsk.cli._training import evaluate, train
from hwsk.cli._verification import compare, verify
from hwsk.cli._writing import write

for _command in (
    demo,
    read,
    recognize,
    write,
    verify,
    compare,
    identify,
    serve,
    preprocess,
    train,
    evaluate,
    models,
    data,
    info,
):
    main.add_command(_command)
