"""A million rows linked with themselves: ours beside bare Splink with the same fields, in one run."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import warnings

import duckdb
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from bangfu.linkage.link import link_tables

FIELDS = ["name", "sex", "birth", "guardian", "village"]
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程"
    "魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲芬燕彬梅琳浩宇轩子涵欣怡佳梓睿博"
    "文天雨晨思雅嘉俊泽诗可馨悦航志国建林成龙海峰鹏飞"
)
HOMOPHONES = (
    "伟玮芳坊静靖丽莉强蔷杰洁明鸣霞侠平萍红宏玲铃燕艳梅枚宇羽轩萱涵寒欣馨佳嘉睿瑞文雯雨羽晨辰"
    "雅亚俊骏泽择志智国帼建健林琳成诚龙隆海嗨峰锋飞非"
)


def people(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Make `rows` rows of half as many invented people: each again with slips in name, birth, village, guardian."""
    pick = "{0}[1 + (hash(i, '{1}') % {2})::INT]"
    surname = pick.format("$s", "{0}s", len(SURNAMES))
    given = [pick.format("$g", f"{{0}}g{n}", len(GIVEN)) for n in (1, 2)]
    name = f"{surname} || {given[0]} || CASE WHEN hash(i, '{{0}}two') % 5 = 0 THEN '' ELSE {given[1]} END"
    connection.execute("SELECT setseed(0.42)")
    connection.execute(
        f"""CREATE TABLE people AS SELECT i, {name.format("n")} AS name,
        CASE WHEN hash(i, 'x') % 2 = 0 THEN '男' ELSE '女' END AS sex,
        strftime(DATE '1950-01-01' + (hash(i, 'b') % 26000)::INT, '%Y%m%d') AS birth,
        {name.format("h")} AS guardian, 'v' || (hash(i, 'v') % 3000) AS village
        FROM range({rows // 2}) t(i)""",
        {"s": SURNAMES, "g": GIVEN},
    )
    connection.execute(
        """CREATE TABLE rows_left AS
        SELECT 'a' || i AS unique_id, name, sex, birth, guardian, village FROM people UNION ALL
        SELECT 'b' || i, CASE hash(i, 'e') % 12 WHEN 0 THEN translate(name, $h, $o)
            WHEN 1 THEN left(name, length(name) - 1) ELSE name END, sex,
        CASE hash(i, 'd') % 25 WHEN 0 THEN left(birth, 6) || '11' ELSE birth END,
        CASE hash(i, 'f') % 7 WHEN 0 THEN NULL ELSE guardian END,
        CASE hash(i, 'w') % 17 WHEN 0 THEN 'v' || (hash(i, 'z') % 3000) ELSE village END FROM people""",
        {"h": HOMOPHONES[::2], "o": HOMOPHONES[1::2]},
    )


def ours(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Link with the product's own function."""
    return [(pair.left, pair.right) for pair in link_tables(connection, ["rows_left"], FIELDS)]


def bare(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Link with Splink as its tutorial does, the comparisons and rules chosen by hand."""
    names = [comparisons.JaroWinklerAtThresholds(field, [0.9, 0.7]) for field in ("name", "guardian")]
    exact = [comparisons.ExactMatch(field) for field in ("sex", "village")]
    rules = [block_on("name", "birth"), block_on("name", "guardian"), block_on("birth", "village")]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[*names, *exact, comparisons.DamerauLevenshteinAtThresholds("birth", [1, 2])],
        blocking_rules_to_generate_predictions=[*rules, block_on("guardian", "birth")],
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI(connection).register("rows_left"), settings, log_level=logging.ERROR)
    linker.training.estimate_probability_two_random_records_match(rules[:1], recall=0.9)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in rules[:1] + rules[2:]:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_probability=0.5)
    return connection.execute(f"SELECT unique_id_l, unique_id_r FROM {found.physical_name}").fetchall()


def main(kind: str, rows: int) -> None:
    """Make the rows, link them, and print seconds, pairs, F1 and peak MiB as JSON."""
    connection = duckdb.connect()
    people(connection, rows)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = ours(connection) if kind == "ours" else bare(connection)
    seconds = time.perf_counter() - started
    right = sum(left[1:] == other[1:] for left, other in pairs)
    f1 = 2 * right / (len(pairs) + rows // 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "rows": rows, "pairs": len(pairs), "f1": f1, "peak_mib": peak}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
