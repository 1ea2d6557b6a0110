"""The verdict in Chinese: row 2 and, with `i`, how it was reached."""

from __future__ import annotations

from typing import Final

VERDICT: Final[dict[str, str]] = {
    # tags
    "IT IS US": "是我方",
    "NOT US": "非我方",
    "ALL CLEAR": "一切正常",
    "UNSURE": "无法确定",
    "STALE": "数据过期",
    "DRILL": "演练",
    # row 2
    " burns {burn}": " 消耗 {burn}",
    ", gone in {span}": "，{span} 后耗尽",
    ", budget spent ({left})": "，预算已耗尽 ({left})",
    ", silenced": "，已静默",
    "The page that tells of it is silenced: somebody knows.": "说明此事的呼叫已静默：有人知情。",
    ", {count} more": "，另有 {count} 个",
    ", {span} after {change}": "，在 {change} 之后 {span}",
    ", {dependency} is down": "，{dependency} 故障",
    ": {dependency} down {span}": "：{dependency} 故障 {span}",
    "{dependency} down {span}": "{dependency} 故障 {span}",
    ", our {slos} hold": "，我方 {slos}达标",
    "Something that the system stands on is down, and no SLO of ours burns.": (
        "系统所依赖的部件发生故障，但我方没有 SLO 在消耗预算。"
    ),
    "While it is down: {breaks}": "故障期间：{breaks}",
    ": {dependency} down": "：{dependency} 故障",
    ", of {provider}": "，由 {provider} 提供",
    ": {drill}": "：{drill}",
    " {span}": " {span}",
    " runs for {span}": " 已运行 {span}",
    ", on {services}": "，涉及 {services}",
    "1 SLO blind": "1 个 SLO失明",
    "{count} SLOs blind": "{count} 个 SLO失明",
    ", {blind}": "，{blind}",
    "{service}: 0 of {of} targets of {job} up": "{service}：{job} 的 {of} 个采集目标全部不应答",
    "0 of {of} targets answer Prometheus": "Prometheus 的 {of} 个采集目标全部不应答",
    "What counts the events of an objective answers no scrape, so a service that is down looks as if"
    " nobody came. Ours until somebody finds that only the scrape fails.": (
        "SLO 的计数来源不应答采集，故障的服务看起来就像没有访问。在查明只是采集失败之前，视为我方问题。"
    ),
    "Blind: {names}": "失明：{names}",
    "Nothing that Prometheus scrapes answers it: either everything is down, or it is cut off from"
    " everything.": "Prometheus 的所有采集目标都不应答：要么全部故障，要么它与一切断开。",
    ", {hold} of {slos} hold": "，{slos}中 {hold} 个达标",
    ", {count} without data": "，{count} 个无数据",
    ", ends in {span}": "，{span} 后结束",
    " pages for {span}{aged}": " 已呼叫 {span}{aged}",
    " (alerts of {span} ago)": "（{span} 前的告警）",
    ", no SLO burns at page level": "，没有 SLO 达到呼叫级消耗",
    " recovers: now {burn}": " 正在恢复：现为 {burn}",
    " no longer pages: now {burn}": " 不再呼叫：现为 {burn}",
    ", 1h {burn}": "，1h {burn}",
    ", its page is still open": "，呼叫尚未关闭",
    " spent its budget ({left})": " 预算已耗尽 ({left})",
    " spent its budget": " 预算已耗尽",
    ", back in {span}": "，{span} 后恢复",
    ", burns {burn}": "，消耗 {burn}",
    ", burn now {burn}": "，现在消耗 {burn}",
    " slowly": "（缓慢）",
    "1 SLO": "1 个 SLO",
    "{count} SLOs": "{count} 个 SLO",
    "{count} of {slos} without data": "{slos}中 {count} 个无数据",
    ": {name}": "：{name}",
    ", {name}": "、{name}",
    "{slos} hold": "{slos}达标",
    "our {slos} hold": "我方 {slos}达标",
    "; waiting for Alertmanager": "；等待 Alertmanager",
    "; alerts unknown: Alertmanager has never answered": "；告警未知：Alertmanager 从未应答",
    "; alerts unknown: Alertmanager lost {span}": "；告警未知：Alertmanager 失联 {span}",
    " of {service}": "（{service}）",
    ", which names no service": "（未指明服务）",
    "; {alert}{whose} pages": "；{alert}{whose} 正在呼叫",
    " for {span}": " 已 {span}",
    "; {count} of {of} probes fail": "；{of} 个探针中 {count} 个失败",
    "; {alert} is missing": "；{alert} 缺失",
    " for {span}: pages may reach nobody": " 已 {span}：呼叫可能无人收到",
    "the catalog has no SLO": "目录中没有 SLO",
    ", no Alertmanager configured: pages unknown": "，未配置 Alertmanager：呼叫未知",
    ", 1 page silenced: {alert}": "，1 个呼叫已静默：{alert}",
    ", {count} pages silenced: {alert}": "，{count} 个呼叫已静默：{alert}",
    ", no page open": "，没有呼叫",
    ", 1 ticket": "，1 个工单",
    ", {count} tickets": "，{count} 个工单",
    ", last alert ended {span} ago": "，最近的告警于 {span} 前结束",
    "{count} of {slos} hold": "{slos}中 {count} 个达标",
    "waiting for the first answer of Prometheus": "等待 Prometheus 的首次应答",
    "Prometheus has never answered: {why}": "Prometheus 从未应答：{why}",
    "frozen at {time}": "停在 {time}",
    " paged": " 曾呼叫",
    " at {time}": "，截至 {time}",
    "1 page": "1 个呼叫",
    "{count} pages": "{count} 个呼叫",
    "; Alertmanager is live: {pages}": "；Alertmanager 正常：{pages}",
    ", {alert} {span}": "，{alert} {span}",
    "{kind} {text}": "{kind} {text}",
    "; Alertmanager is lost as well": "；Alertmanager 也已失联",
    "; order kept": "；顺序保持不变",
    # reasons
    "no answer yet": "尚无应答",
    "nothing to judge": "没有可判断的内容",
    "no summary": "无摘要",
    "it answers, but its newest sample is old": "有应答，但最新样本已过旧",
    "Prometheus cannot be trusted now, so every row keeps its last state, marked `?`;"
    " nothing may turn ok until it answers with new samples.": (
        "Prometheus 目前不可信，因此每一行保留最后的状态并标记 `?`；"
        "在它给出新样本之前，任何状态都不会变为正常。"
    ),
    "Prometheus: {state}, {why}": "Prometheus：{state}，{why}",
    "{source}: {state}{old}{error}": "{source}：{state}{old}{error}",
    ", {span} old": "，已有 {span}",
    "this is what was known when the dashboard was last open; nothing has answered yet": (
        "这是上次打开时所知的内容；尚无任何应答"
    ),
    "waiting": "等待中",
    "remembered": "上次所知",
    "fresh": "新鲜",
    "ageing": "变旧",
    "stale": "过期",
    "lost": "失联",
    "Alertmanager: not configured (--alertmanager URL)": "Alertmanager：未配置（--alertmanager URL）",
    "Alertmanager: {why}": "Alertmanager：{why}",
    "{source} is read from {where}": "{source} 读自 {where}",
    "{source} remarks: {remark}": "{source} 提示：{remark}",
    "An SLO with a page-level burn is ours: users are hurt now.": (
        "SLO 的消耗达到呼叫级，属我方问题：用户正在受影响。"
    ),
    "An SLO with a page-level burn is ours: users are hurt now. Its page is silenced; the burn is not.": (
        "SLO 的消耗达到呼叫级，属我方问题：用户正在受影响。呼叫已静默，消耗仍在继续。"
    ),
    "page level by its rules": "按其规则达到呼叫级",
    "{id}: {why}": "{id}：{why}",
    "What burns stands on something we buy, and that is down. Users are hurt all the same;"
    " the cause is not ours.": "消耗预算的服务依赖于外购的部件，而它已故障。用户同样受影响，但原因不在我方。",
    "{dependency} ({title}): {said}": "{dependency}（{title}）：{said}",
    "What may be done: {fallback}": "可以采取：{fallback}",
    "Everything that pages is of services that a running drill may hurt: caused by us on purpose.": (
        "所有呼叫都属于正在进行的演练可能影响的服务：由我方有意造成。"
    ),
    "Drill {name}: for {span}, on {services}": "演练 {name}：已 {span}，涉及 {services}",
    "everything": "全部",
    "A page of our own service is open although no SLO burns fast enough to page.": (
        "我方服务有未关闭的呼叫，但没有 SLO 的消耗快到需要呼叫。"
    ),
    "What pages is about something we buy, and no SLO of ours burns fast enough to page.": (
        "呼叫涉及外购的部件，且我方没有 SLO 的消耗快到需要呼叫。"
    ),
    "{alert}: {summary}": "{alert}：{summary}",
    "The burn is below page level again, but Alertmanager has not closed the page yet.": (
        "消耗已回到呼叫级以下，但 Alertmanager 尚未关闭呼叫。"
    ),
    "{id}: shortest window {short}, 1h {long}": "{id}：最短窗口 {short}，1h {long}",
    "A drill is running; no page is open that it does not explain.": ("演练正在进行；没有它无法解释的呼叫。"),
    "A budget is spent; nothing pages. Ours, and for working hours: hold risky changes.": (
        "预算已耗尽，没有呼叫。属我方问题，可在工作时间处理：暂缓有风险的变更。"
    ),
    "{id}: {left} of the budget left": "{id}：预算剩余 {left}",
    "A slow burn: a ticket for this shift, nobody is paged.": "缓慢消耗：本班次的工单，不呼叫任何人。",
    "{id}:{burns}": "{id}：{burns}",
    "An SLO without data is never counted as ok.": "没有数据的 SLO 从不算作正常。",
    "{others} with data hold; without: {names}": "有数据的 {others} 个达标；无数据：{names}",
    "Every SLO holds, but pages of symptoms cannot be seen while Alertmanager is away.": (
        "所有 SLO 达标，但 Alertmanager 失联期间看不到症状类呼叫。"
    ),
    "Every SLO of ours holds; what pages carries another service's label, or none.": (
        "我方所有 SLO 达标；呼叫带有其他服务的标签，或没有标签。"
    ),
    "Every SLO holds with the traffic that arrives, and probes fail: the way to us is broken,"
    " or what the probes ask for is.": (
        "到达的流量使所有 SLO 达标，但探针失败：通往我方的路径或探针所查的内容有问题。"
    ),
    "Failing: {names}": "失败：{names}",
    "The alert that always fires has not arrived: the way from rules to people is broken.": (
        "始终触发的告警没有到达：从规则到人的路径已中断。"
    ),
    "{alert}: check the rules, their alertmanagers, and the routes": (
        "{alert}：检查规则、所配置的 Alertmanager 以及路由"
    ),
    "Every SLO has data, none burns at ticket or page level, no page of ours is open.": (
        "所有 SLO 都有数据，没有达到工单级或呼叫级的消耗，也没有我方的呼叫。"
    ),
    "SLOs: {counts}": "SLO：{counts}",
    "Release gate: {step} by {slo}, {left}% left{wait}": "发布门：{step}，依据 {slo}，剩余 {left}%{wait}",
    "; wait: {changes}": "；暂缓：{changes}",
    "Response level {level}: {title}{actions}": "响应级别 {level}：{title}{actions}",
    "Dependencies: {count} in the catalog, {said}": "依赖：目录中 {count} 个，{said}",
    "none is known to be down": "没有已知故障",
    "Probes: {up} of {of} succeed": "探针：{of} 个中 {up} 个成功",
    "Last deploy: {text}, {span} ago": "最近部署：{text}，{span} 前",
    "Drills: none is running": "演练：没有正在进行的",
    "it arrives": "正常到达",
    "{alert} is missing for {span}: pages may reach nobody": "{alert} 已缺失 {span}：呼叫可能无人收到",
    "missing for {span}": "已缺失 {span}",
    "Dead man's switch {alert}: {state}": "心跳告警 {alert}：{state}",
}
