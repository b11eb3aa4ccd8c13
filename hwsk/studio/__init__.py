"""Serve the jobs of hwsk in a browser and as a JSON API, on this machine (`hwsk serve`).

It needs Starlette and uvicorn (``pip install 'hwsk[studio]'``), which its modules import; this
package imports none of them, so that the command line can list the command without them.
"""
