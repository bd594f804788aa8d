"""A WebSocket service, by python3-websockets: every message comes back, of its kind. Prints its port
and serves until it is killed."""

import asyncio
import sys

try:
    import websockets
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: install python3-websockets (tests/run does)")


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["echo"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
