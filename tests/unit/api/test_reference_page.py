from support.crd import fields, root_schema
from support.packaging.crd_reference import crd_reference

PAGE = crd_reference()


def test_every_field_that_is_not_kubernetes_own_has_a_row():
    own = ("affinity", "tolerations", "topologySpreadConstraints", "hostAliases", "dnsConfig")
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    sections = [line.removeprefix("## ") for line in PAGE.splitlines() if line.startswith("## ")]
    told = {*rows, *sections, "spec"}

    for path, _ in fields(root_schema()):
        inner = any(f"podTemplate.{name}{end}" in path for name in own for end in ".[")
        if not inner and path.startswith(("spec", "status")) and not path.endswith(("[]", "{}")):
            assert path in told


def test_required_fields_and_defaults_are_told():
    assert "| `spec.scaling.maxReplicas` | integer | **required** | 0 to 1000 |" in PAGE
    assert "| `spec.scaling.idleSeconds` | integer | `300` | 0 to 86400 |" in PAGE
    assert "| `spec.podTemplate.env[].name` | string | **required** |" in PAGE
    assert "| `spec.runner.ffmpeg.threads` | integer or string | `Auto` | 1 to 1024, or `Auto` |" in PAGE


def test_what_the_rules_refuse_is_told_once():
    assert PAGE.count("must not hold a user or a password") == 1


def test_every_row_of_a_table_has_the_columns_of_its_head():
    for table in PAGE.split("\n\n"):
        rows = [line.replace(r"\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
