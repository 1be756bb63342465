"""Lists, after every run of the parity test, what it compared and what it did not."""


def pytest_terminal_summary(terminalreporter):
    outcomes = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    run = [report for report in outcomes if report.when == "call" and "::test_parity[" in report.nodeid]
    if not run:
        return
    terminalreporter.section("parity with the golden files")
    terminalreporter.line(f"compared: {sum(report.passed for report in run)} of {len(run)} files")
    for report in run:
        keys = dict(report.user_properties).get("not compared")
        if keys:
            terminalreporter.line(f"  {report.nodeid.split('[')[1][:-1]}: not compared: {', '.join(keys)}")
