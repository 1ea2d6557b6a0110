"""The cockpit of a game day in Chinese."""

from __future__ import annotations

from typing import Final

GAME_DAYS: Final[dict[str, str]] = {
    "a running game day": "正在进行的演练",
    "a game day that is over": "已结束的演练",
    # How it stands.
    "STOPPING": "正在停止",
    "ON HOLD": "已暂停",
    "BLIND: {names} is silent": "失明：{names} 无响应",
    "ASKED": "提问",
    "any text": "任意文字",
    "asked {since} ago, within {within}": "{since} 前提问，限 {within}",
    "STOPS WHEN": "停止条件",
    "spent {share} of {slo}": "已消耗 {slo} 的 {share}",
    "STEPS": "步骤",
    "{count} hidden": "{count} 项保密",
    "CLAIMS": "断言",
    "+{count} more": "+{count} 项",
    "nobody has taken it": "无人接手",
    "taken by {who} {when} (+{took})": "{who} 于 {when} 接手（+{took}）",
    "detected: no alert yet": "尚无告警",
    "detected +{after}": "发现 +{after}",
    "taken +{took} by {who}": "接手 +{took}，{who}",
    "LOAD": "负载",
    "users {count}": "用户 {count}",
    "errors {share}": "错误 {share}",
    "generator {share}": "压测机 {share}",
    "workers {count}": "压测进程 {count}",
    "busiest {share}": "最忙 {share}",
    # Its timeline.
    "TIMELINE": "时间线",
    "step": "步骤",
    "fault": "故障",
    "alerts": "告警",
    "{fires} fires  {taken} taken": "{fires} 触发  {taken} 接手",
    "cut off": "中断",
    "not carried out": "未执行",
    "from {when}": "{when} 起",
    "later on": "稍后",
    # Its keys.
    "hold": "暂停",
    "go on": "继续",
    "answer": "回答",
    "abort + undo all": "中止并全部恢复",
    "report": "报告",
    "the report so far": "目前的报告",
    "write": "写入",
    "the game day is over": "演练已结束",
    "the game day is over; its reports are written when you leave": "演练已结束；退出时写入报告",
    "play or pause": "播放或暂停",
    "aborted: everything is undone": "已中止：正在全部恢复",
    "held; what goes on is not taken out: {faults}": "已暂停；进行中的故障不会撤出：{faults}",
    "marked at {when}": "已标记 {when}",
    "nobody is asked anything now": "目前没有提问",
    "enter gives it, esc leaves it": "回车提交，esc 放弃",
    "{role} is asked: {question}": "向 {role} 提问：{question}",
    "ABORT THE GAME DAY AND QUIT?": "中止演练并退出？",
    "Every fault is undone, every load ends; verdict and report are written.": (
        "所有故障会恢复，所有压测会结束；会写入结论和报告。"
    ),
    "To keep it going, leave this screen open; `esc` leads to the other views.": (
        "要让它继续，请保持此界面；`esc` 可到其他视图。"
    ),
    "Abort it": "中止",
}
"""Keys are the English texts as they stand in the code."""
