"""Details, charts, infrastructure, experience, services, runs and replays in Chinese."""

from __future__ import annotations

from typing import Final

VIEWS: Final[dict[str, str]] = {
    "blind: 0 of {of} targets of {job} up, so nothing new is counted": (
        "失明：{job} 的 {of} 个采集目标全部不应答，没有新的计数"
    ),
    "{share} left": "剩余 {share}",
    # detail of an SLO
    "BURN RATE": "消耗率",
    "USED": "已用",
    "window": "窗口",
    "ALERTS of this SLO: not configured": "此 SLO 的告警：未配置",
    "ALERTS of this SLO": "此 SLO 的告警",
    "CHANGES 24h, restarts 6h": "变化 24h，重启 6h",
    "none known; sretool mark TEXT notes a deploy": "无；用 sretool mark TEXT 记录部署",
    "{span} before the alert": "告警前 {span}",
    "the catalog names no dependencies of this service": "目录未写此服务的依赖",
    "nobody looks at it": "无人观测",
    "down": "故障",
    "none: add runbook to the SLO in the catalog": "无：请在目录的 SLO 中添加 runbook",
    "ALERTS FIRED": "曾触发的告警",
    "still firing": "仍在触发",
    "NOTES": "备注",
    "none: sretool mark TEXT --kind note": "无：sretool mark TEXT --kind note",
    "this SLO is no longer in the catalog": "此 SLO 已不在目录中",
    # charts and time
    "budget left": "剩余预算",
    "even spend": "匀速消耗",
    "ERROR RATIO": "错误率",
    "budget": "预算",
    "drill": "演练",
    "silenced by {name}": "{name} 静默",
    "changes": "变化",
    "no samples in this span": "此时段没有样本",
    "no history": "没有历史",
    "live": "实时",
    "vs": "对比",
    "same as": "同",
    "1 hour ago": "1 小时前",
    "1 day ago": "1 天前",
    "1 week ago": "1 周前",
    "1h ago": "1h 前",
    "1d ago": "1d 前",
    "1w ago": "1w 前",
    "none": "无",
    "... {count} more (enter shows all)": "... 另有 {count} 个（回车显示全部）",
    # recording and replay
    "a session cannot be recorded here": "此处无法录制会话",
    "recorded: sretool dash --replay {name}": "已录制：sretool dash --replay {name}",
    "recording into {folder}; :record again stops it": "正在录制到 {folder}；再次 :record 停止",
    "write down what is seen, or stop that": "记录所见内容，或停止记录",
    "END": "结束",
    "saw": "当时看",
    "no page": "没有呼叫",
    "no change": "没有变化",
    "after this": "在此之后",
    "before this": "在此之前",
    # dashboards
    "{count} of {all} panels out of bounds: {names}": "{all} 个面板中 {count} 个越界：{names}",
    "no data in {names}": "{names} 无数据",
    "all {all} panels in bounds": "{all} 个面板都在界内",
    "in bounds": "在界内",
    "limit broken": "越过界限",
    "unusual": "异常",
    "{count} panels, {range} of the past": "{count} 个面板，过去 {range}",
    ", {count} not configured": "，{count} 个未配置",
    "DASHBOARDS of the catalog": "目录中的仪表盘",
    "not configured: add `dashboards` with panels to the catalog": (
        "未配置：请在目录中添加带面板的 `dashboards`"
    ),
    "next panel": "下一面板",
    "whole screen": "全屏",
    # infrastructure
    "nothing of the infrastructure is configured": "未配置任何基础设施",
    "nothing is saturated: {count} resources and calls in bounds": "无饱和：{count} 个资源与调用在界内",
    "{count} out of bounds: ": "{count} 个越界：",
    "full in {time}": "{time} 后满",
    "SATURATION": "饱和度",
    "USE": "资源",
    "UTIL": "使用率",
    "TREND 1h": "趋势 1h",
    "SATURATION HEADROOM": "饱和余量",
    "{ok} of {all} ok": "{all} 个中 {ok} 个正常",
    "no data; there was some within the last hour": "无数据；一小时内曾有",
    "err": "错误",
    "same": "相同",
    "{known} of {over} known": "已知 {known}/{over}",
    "steady": "平稳",
    "falls {rate}": "下降 {rate}",
    "grows {rate}": "增长 {rate}",
    "not configured: add `{section}` to the catalog ({how})": "未配置：请在目录中添加 `{section}`（{how}）",
    "not configured: add `{section}` to the catalog": "未配置：请在目录中添加 `{section}`",
    "not configured: {how}": "未配置：{how}",
    "nothing here matches the filter": "此处没有符合过滤条件的项",
    "trend over {over}, told once {least} are known, for {times} times as long ahead": (
        "基于 {over} 的趋势，已知 {least} 后给出，向前预测 {times} 倍时长"
    ),
    "used": "已用",
    "limit": "上限",
    # experience and business
    "{share} of {journey} fail{where}": "{journey} 有 {share} 失败{where}",
    "out of bounds": "越界",
    "JOURNEY": "旅程",
    "SLI now": "现 SLI",
    "STEPS (pass %)": "步骤（通过 %）",
    "TREND 2h": "趋势 2h",
    "BUSINESS": "业务",
    "delta": "变化",
    "BAND p5..p95": "区间 p5..p95",
    "no service is declared in the catalog": "目录中没有声明服务",
    "too little history: {count} of {least} {every}": "历史太少：{least} 个{every}中只有 {count} 个",
    "of {count} {every}": "共 {count} 个{every}",
    "SPEED, PROBES, MONEY": "速度、探针、金额",
    "APDEX": "APDEX",
    "WEB VITALS": "网页指标",
    "PROBES": "探针",
    "MONEY": "金额",
    "failed": "失败",
    "usual at this hour {low} .. {middle} .. {high} (p5, p50, p95 of {count} {every})": (
        "此时段通常 {low} .. {middle} .. {high}（{count} 个{every}的 p5、p50、p95）"
    ),
    "usual": "通常",
    "usual not known: {count} of {least} {every} with data at this hour": (
        "通常值未知：此时段 {least} 个{every}中 {count} 个有数据"
    ),
    "above p95": "高于 p95",
    "below p5": "低于 p5",
    "export them from the browser (LCP, INP, CLS) and add `figures` of `group: vitals`": (
        "请从浏览器导出（LCP、INP、CLS），并添加 `group: vitals` 的 `figures`"
    ),
    "add `figures` of `group: money` with a `currency`": "请添加带 `currency` 的 `group: money` 的 `figures`",
    "add `apdex` with a `histogram` and what is `satisfied`": (
        "请添加带 `histogram` 与 `satisfied` 的 `apdex`"
    ),
    "scrape a blackbox exporter and add `probes`": "请抓取 blackbox exporter 并添加 `probes`",
    "charts": "图表",
    "usual, hour, day, week": "通常、时、天、周",
    "no answer: {error}": "没有应答：{error}",
    "nothing of the users' experience is configured": "未配置任何用户体验",
    "asking Prometheus...": "正在询问 Prometheus...",
    "USERS ARE HURT": "用户受损",
    "USERS NOTICE": "用户有感",
    "users fare well; unusual: ": "用户正常；异常：",
    "users fare well: {count} journeys and figures as usual": "用户正常：{count} 个旅程与数值如常",
    # page of a service
    "not configured: give --alertmanager or put it into the context": (
        "未配置：请给出 --alertmanager 或写入环境"
    ),
    "ALERTS: none open": "告警：无",
    "ALERTS: {count}": "告警：{count}",
    "REQUESTS (RED)": "请求 (RED)",
    "vs 1h ago": "对比 1h 前",
    "not configured: add `calls` with this `service` to the catalog": (
        "未配置：请在目录中添加此 `service` 的 `calls`"
    ),
    "not configured: add `critical_paths` with hops to the catalog": (
        "未配置：请在目录中添加带跳的 `critical_paths`"
    ),
    "LATENCY BUDGET": "延迟预算",
    "whole path": "全程",
    "of": "/",
    "1 hop not measured": "1 跳未测量",
    "{count} hops not measured": "{count} 跳未测量",
    "not measured: set `measured`": "未测量：请设 `measured`",
    "DEPENDS ON": "依赖于",
    "state, SLA of the provider": "状态、提供方 SLA",
    "not configured: add `parts` to the service and `dependencies` to the catalog": (
        "未配置：请为服务添加 `parts`，并在目录中添加 `dependencies`"
    ),
    "BREAKS WITH IT": "随之中断",
    "who needs it": "谁需要它",
    "not configured: add `dependencies` that need it, or `impacts`, to the catalog": (
        "未配置：请在目录中添加需要它的 `dependencies` 或 `impacts`"
    ),
    "tier": "级别",
    "up": "正常",
    "partly down": "部分故障",
    "DOWN": "故障",
    "not watched": "未观测",
    "else": "否则",
    "no SLO": "无 SLO",
    "scroll": "滚动",
    "next service": "下一服务",
    "owner not configured": "未配置负责人",
    "not configured: the catalog has no `services` with the id {id}": (
        "未配置：目录中没有 id 为 {id} 的 `services`"
    ),
    "OBJECTIVES": "目标",
    "not configured: add `slos` of this service to the catalog": "未配置：请在目录中添加此服务的 `slos`",
}
