"""proxy.py HOST:PORT: a proxy for clients that dial AWS's real names. It prints its address, and takes every
CONNECT to HOST:PORT."""
import asyncio
import sys

host, port = sys.argv[1].rsplit(":", 1)


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def connect(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    up_reader, up_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer), return_exceptions=True)


async def main():
    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print("http://%s:%d" % server.sockets[0].getsockname(), flush=True)
    await server.serve_forever()


asyncio.run(main())
