"""totp.py SEED_FILE OFFSET: reads the answer of the admin API's clock, and prints the code of a virtual MFA
device at that time, and before it the code OFFSET seconds away if that is not 0."""
import base64, hashlib, hmac, json, struct, sys
from datetime import datetime

seed = base64.b32decode(open(sys.argv[1]).read().strip())
now = datetime.fromisoformat(json.load(sys.stdin)["now"][:19] + "+00:00").timestamp()


def code(at):
    digest = hmac.new(seed, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000)


offset = int(sys.argv[2])
print(*([code(now + offset)] if offset else []), code(now))
