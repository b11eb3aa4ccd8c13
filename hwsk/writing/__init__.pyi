from ._folder import write_folder as write_folder
from ._legibility import Legibility as Legibility
from ._legibility import UnreadWord as UnreadWord
from ._line_writer import WrittenLines as WrittenLines
from ._lines import write_lines as write_lines
from ._sheets import Sheets as Sheets
from ._sheets import draw as draw
from ._write import write as write
