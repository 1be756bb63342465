"""Lists, after every run of the parity test, what it compared and what it did not."""

NOT_COVERED = "not yet covered: "


def pytest_terminal_summary(terminalreporter):
    def parity(outcome):
        return [report for report in terminalreporter.stats.get(outcome, []) if "::test_parity[" in report.nodeid]

    run = [report for report in parity("passed") + parity("failed") if report.when == "call"]
    reasons = [report.longrepr[2] for report in parity("skipped")]
    missing = [reason.split(NOT_COVERED)[1] for reason in reasons if NOT_COVERED in reason]
    if not run and not missing:
        return
    terminalreporter.section("parity with the golden files")
    terminalreporter.line(f"covered: {len(run)} files")
    for report in run:
        keys = dict(report.user_properties).get("not compared")
        if keys:
            terminalreporter.line(f"  {report.nodeid.split('[')[1][:-1]}: not compared: {', '.join(keys)}")
    terminalreporter.line(f"not yet covered: {len(missing)} files{': ' if missing else ''}{', '.join(sorted(missing))}")
