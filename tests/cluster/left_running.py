"""`make cluster` and `make cluster-down`: the cluster left running, to look at and to try on."""

import os
import pickle
import shutil
import tempfile
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.place import PROGRAMS, Place
from tests.support.processes import ROOT
from tests.support.tokens import token

REMEMBERED = ROOT / "instance/cluster"


def up() -> None:
    down()
    prefix = Path(tempfile.mkdtemp(prefix="social-cluster-"))
    place = Place(prefix, public_port=int(os.environ.get("PORT") or "8080"))
    REMEMBERED.parent.mkdir(exist_ok=True)
    REMEMBERED.write_bytes(pickle.dumps(place))
    cluster = Cluster(place)
    cluster.start()
    address = f"http://127.0.0.1:{place.public_port}"
    print(f"""
Three nodes and two instances are running: {address}
The database, by HAProxy: {place.url(5000)}
A replica: {place.url(5001, reads=True)}
Files and logs: {prefix}
Stop all of it: make cluster-down
Look at it:

(set -a; cd {prefix}/db1/etc; . ./cluster.env; . ./node.env; . ./secrets.env
 {PROGRAMS}/patronictl -c patroni.yml list)

Try it:

curl -i {address}/api/v2/user/provider/ -H 'Authorization: Bearer {token(7)}' \
-H 'Content-Type: application/json' -d '{{"user_id": 7, "provider": "facebook", "ext_id": "fb-1"}}'
""")


def down() -> None:
    if not REMEMBERED.exists():
        return
    place = pickle.loads(REMEMBERED.read_bytes())
    if place.prefix.exists():
        Cluster(place).stop()
    shutil.rmtree(place.prefix, ignore_errors=True)
    REMEMBERED.unlink()


COMMANDS = {"up": up, "down": down}
