"""docs/cluster.md: its commands give each node its own name and address."""

from tests.cluster.place import DEPLOY, NODES, node_env


def test_each_node_s_settings_are_its_own() -> None:
    """Also where the operator's addresses are in the files already, as the page has it."""
    usual = (DEPLOY / "node.env").read_text()
    for text in (usual, usual.replace("10.0.0.11", "192.0.2.31")):
        for number, node in enumerate(NODES):
            address = f"192.0.2.{31 + number}"
            found = dict(line.split("=", 1) for line in node_env(node, address, text).splitlines())
            assert found.pop("ETCD_NAME") == found.pop("PATRONI_NAME") == node
            assert found.pop("ETCD_DATA_DIR") == "/var/lib/etcd/social"
            hosts = {value.removeprefix("http://").split(":")[0] for value in found.values()}
            assert hosts == {address}
            assert {value.rsplit(":", 1)[1] for value in found.values()} == {
                *("2379", "2380", "5432", "8008")
            }
