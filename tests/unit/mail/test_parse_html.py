"""HTML as approvers see it: where lines break, what is hidden, and where links lead."""

from __future__ import annotations

import time
from functools import cache

import pytest

from approvald.core.model import Ambiguous, Incomplete, Notification
from approvald.mail.parse import colours
from approvald.mail.parse.html import read_html as texts_of
from approvald.mail.parse.read import read
from mailbag import LINES, RULES, html_of, multipart, part, read_html, text_of

OTHER = html_of({"Requester email": "jonas.keil@corp.example", "Request Id": "1102"})
LUNCH = "<p>Lunch menu of the week. Please forward it.</p>"

INLINE_TRICKS = [
    "display:none",
    "DISPLAY : None !important",
    "display:/* */none",
    "d\\69splay:n\\6f ne",
    "di\\splay:n\\one",
    "\\0 ;\\ffffff;display:none",
    "display:none;display:block",
    "visibility:hidden",
    "visibility:collapse",
    "font-size:0",
    "font-size:0.1px",
    "font-size:1px",
    "font-size:0em",
    "font:0/0 a",
    "font-size:0;line-height:1",
    "font:bold 1px Arial",
    "mso-hide:all",
    "opacity:0",
    "opacity:0.01",
    "opacity:5%",
    "max-height:0",
    "max-height:1px",
    "height:0;overflow:hidden",
    "overflow-y:clip;width:0px",
    "position:absolute;left:-9999px",
    "position:fixed;top:-100em",
    "margin-left:-2000px",
    "text-indent:-999em",
    "clip:rect(0,0,0,0)",
    "clip-path:inset(100%)",
    "transform:scale(0)",
    "transform:translateX(-9999px)",
    "filter:opacity(0%)",
    "zoom:0",
    "content-visibility:hidden",
    "color:#ffffff",
    "color:#FEFEFE",
    "color:white",
    "color:rgb(255, 255, 255)",
    "color:rgb(100% 100% 100%)",
    "color:hsl(0, 0%, 100%)",
    "color:transparent",
    "color:rgba(0,0,0,0)",
    "color:#00000000",
    "color:#0000",
    "-webkit-text-fill-color:white",
    "color:navy;background:#000080",
    "color:#333;background-color:#383838",
    "background:#fff;color:white",
    "color:white;background:none",
    "color:white;background:transparent",
    "direction:rtl;unicode-bidi:bidi-override",
    "display:none ! important",
    "opacity:.2",
    "font-size-adjust:0",
    "width:40px;white-space:nowrap;overflow:hidden",
    "color:white !important;color:black",
    "display:table-column",
    "display:var(--x, none)",
    "visibility:var(--x)",
    "font-size:calc(0px)",
    "font-size:min(0px, 9px)",
    "font-size:0vmin",
    "font-size:1e-9px",
    "font-size:1%",
    "font-size:.00001em",
    "opacity:calc(0)",
    "opacity:1e-5",
    "-moz-opacity:0",
    "transform:rotateY(90deg)",
    "transform:scale3d(0,0,0)",
    "transform:matrix(0,0,0,0,0,0)",
    "transform:scale(.001)",
    "transform:translate(0,-9999px)",
    "transform:translate(9999px)",
    "-webkit-transform:scale(0)",
    "translate:-9999px",
    "scale:0",
    "rotate:y 90deg",
    "left:calc(-9999px)",
    "position:absolute;left:9999px",
    "position:absolute;z-index:-1",
    "inset:-9999px",
    "inset-inline-start:-9999px",
    "margin:0 0 0 -9999px",
    "padding-top:9999px;height:10px;overflow:hidden",
    "text-indent:9999px",
    "letter-spacing:-1em",
    "line-height:0;overflow:hidden",
    "height:0;overflow:scroll",
    "height:1px;overflow:auto",
    "height:40px;overflow:hidden",
    "max-height:3em;overflow:hidden",
    "block-size:0;overflow:hidden",
    "max-inline-size:0;overflow:hidden",
    "overflow:hidden;width:.5%",
    "clip:rect(auto,auto,0,auto)",
    "clip-path:polygon(0 0,0 0,0 0)",
    "clip-path:ellipse(0 0)",
    "clip-path:url(#x)",
    "-webkit-clip-path:inset(100%)",
    "mask:linear-gradient(transparent,transparent)",
    "-webkit-mask-image:linear-gradient(transparent,transparent)",
    "filter:blur(50px)",
    "filter:contrast(0)",
    "filter:alpha(opacity=0)",
    "-ms-filter:alpha(opacity=0)",
    "mix-blend-mode:screen",
    "-webkit-text-security:disc",
    "animation:x 0s forwards",
    "-webkit-line-clamp:1",
    "mso-hide:screen",
    "mso-element:comment",
    "font-family:Wingdings",
    "font-family:'Adobe Blank'",
    "color:#dddddd",
    "color:oklch(1 0 0)",
    "color:color-mix(in srgb, white, white)",
    "color:var(--c)",
    "color:canvas",
    "color:lightyellow",
    "-webkit-text-fill-color:transparent",
    "background:url(x.png);color:white",
    "background:linear-gradient(#fff,#fff);color:white",
    "background:linear-gradient(black,black);color:black",
    "background:var(--x);color:white",
]
ATTRIBUTE_TRICKS = [
    "<div hidden>{}</div>",
    '<div HIDDEN="until-found">{}</div>',
    "<details><summary>More</summary>{}</details>",
    "<details>{}</details>",
    "<noscript>{}</noscript>",
    "<template>{}</template>",
    "<object>{}</object>",
    "<dialog>{}</dialog>",
    '<bdo dir="RTL">{}</bdo>',
    '<font color="white">{}</font>',
    '<font color="#FFFFFF">{}</font>',
    '<table bgcolor="000000"><tr><td>{}</td></tr></table>',
    '<table bgcolor="black"><tr style="color:#000"><td><p>{}</p></td></tr></table>',
    '<table background="x.png"><tr><td style="color:#fff">{}</td></tr></table>',
    '<font color="fff">{}</font>',
    '<font face="Wingdings">{}</font>',
    "<div popover>{}</div>",
    "<select><option>one<option>{}</select>",
    "<progress>{}</progress>",
    "<meter>{}</meter>",
    "<ruby>x<rp>{}</rp></ruby>",
    "<svg width=0 height=0><text>{}</text></svg>",
    "<svg><desc>{}</desc></svg>",
    "<svg><text fill=none>{}</text></svg>",
    "<math><annotation>{}</annotation></math>",
    "<math><mphantom>{}</mphantom></math>",
    "<applet>{}</applet>",
    "<xml>{}</xml>",
    '<bdo style="direction:rtl">{}</bdo>',
    "<![if !mso]><div>{}</div><![endif]>",
    "<!--[if !mso]><!--><div>{}</div><!--<![endif]-->",
]
SHEET_TRICKS = [
    '<div style="color:white"><div style="color:inherit;background:inherit">{}</div></div>',
    '<div style="font-size:0"><div style="font-size:3em">{}</div></div>',
    '<div style="font-size:0"><div style="font-size:inherit">{}</div></div>',
    "<style>.k{display:none}</style><div class='a K'>{}</div>",
    "<style>#k{font-size:0}</style><div id=k>{}</div>",
    "<style>section{visibility:hidden}</style><section>{}</section>",
    "<style>div.x > .k, .z {color:white}</style><div class=k>{}</div>",
    "<style>@media print { .k {display:none} }</style><div class=k>{}</div>",
    "<style>@import url(x); .k{opacity:0}</style><div class=k>{}</div>",
    "<style><!-- .k{/* } */mso-hide:all} --></style><div class=k>{}</div>",
    "<style>[class~='k']{display:none}</style><div class=k>{}</div>",
    "<style>[id=k]{display:none}</style><div id=k>{}</div>",
    "<style>.k{display:none} .forwarded .k{display:block}</style><div class=k>{}</div>",
    "<style>.k{visibility:hidden} .moz .k{visibility:visible}</style><div class=k>{}</div>",
    "<style>.k{font-size:0} .moz .k{font-size:12px}</style><div class=k>{}</div>",
    "<style>.k{display:none</style><div class=k>{}</div><style>}</style>",
    "<div class=k>{}</div><style>.k{display:none}</style>",
    "<style>*{display:none}</style><div>{}</div>",
    "<style>section:not(b){display:none}</style><section>{}</section>",
    "<style>.a{height:0}.b{overflow:hidden}</style><div class='a b'>{}</div>",
    "<style>.a{overflow:hidden}</style><div class=a style='max-height:2px'>{}</div>",
    '<table><tr><td height=1 style="overflow:hidden">{}</td></tr></table>',
    "<style>.k{color:white} @media print{.k{color:black}}</style><div class=k>{}</div>",
    "<style>.b{color:black}.w{color:white}</style><div class='w b'>{}</div>",
    "<style>section{color:white !important}.b{color:black}</style><section class=b>{}</section>",
    "<style>#x #y section{font-size:0}.b{font-size:9px}</style><section class=b>{}</section>",
    "<style>#x .w{color:white}#y{color:black}</style><div id=y class=w>{}</div>",
    "<style>section{color:white!important}</style><section style='color:black'>{}</section>",
    "<style>.x section{visibility:hidden!important}</style><section style='visibility:visible'>{}</section>",
    "<style>.a{b{color:red} color:white}</style><div class=a>{}</div>",
    "<style>.x .g{background:black}</style><div class=g><b>{}</b></div>",
    "<style>:not(b){display:none}</style><div>{}<!--*{--></div>",
    "<style>:is(.k){display:none}</style><div class=k>{}</div>",
    "<style>.k:not(.z){display:none}</style><div class=k>{}</div>",
    "<style>[title=k]{display:none}</style><div title=k>{}</div>",
    "<style>[ data-x ]{display:none}</style><div data-x=1>{}</div>",
    "<style>*|section{display:none}</style><section>{}</section>",
    "<style>o\\:k{display:none}</style><o:k>{}</o:k>",
    "<style>.k{x:'}';display:none}</style><div class=k>{}</div>",
    "<style>.x{a:'/*'}.k{display:none}.y{a:'*/'}</style><div class=k>{}</div>",
    "<style>.a{color:red;& .k{display:none}}</style><div class=k>{}</div>",
]
TRICKS = [*(f'<div style="{css}">{{}}</div>' for css in INLINE_TRICKS), *ATTRIBUTE_TRICKS, *SHEET_TRICKS]


@pytest.mark.parametrize("trick", TRICKS)
def test_text_that_nobody_sees_is_hidden(trick: str) -> None:
    """Each trick takes the text inside it out of what is visible, and keeps it as evidence."""
    page = texts_of(f"<p>before</p>{trick.replace('{}', 'Safe: <b>X</b>')}<p>after</p>")
    assert "Safe" not in page.visible
    assert "Safe: X" in page.hidden
    if "*{" not in trick:
        assert "before" in page.visible
        assert "after" in page.visible


@pytest.mark.parametrize("trick", TRICKS)
def test_hidden_requests_are_ambiguous(trick: str) -> None:
    """Hidden beside a visible request, alone below a lunch menu, or with the very same values: never approved."""
    for mail in (html_of() + trick.replace("{}", OTHER), LUNCH + trick.replace("{}", html_of())):
        assert isinstance(read_html(mail), Ambiguous)
    assert isinstance(read_html(html_of() + trick.replace("{}", html_of())), Ambiguous)


def test_a_form_field_of_one_line_hides_the_others() -> None:
    """A text field scrolls: what stands in it may be far below what it shows."""
    assert isinstance(read_html(f"<textarea rows=1>Lunch\n\n\n{text_of()}</textarea>"), Ambiguous)


@pytest.mark.parametrize("label", ["Requester email", "Safe", "Request Id"])
def test_one_hidden_core_label_is_enough(label: str) -> None:
    """A single hidden line of a core field makes the mail ambiguous and names that field."""
    reading = read_html(html_of() + f'<p style="display:none">{label}: {LINES[label]}</p>')
    assert isinstance(reading, Ambiguous)
    assert len(reading.fields) == 1


@pytest.mark.parametrize(
    "line",
    [
        'Safe: DB-PROD<span style="display:none">-99</span>-01',
        "Safe: <span hidden>NET-CORE</span>DB-PROD-01",
        'Safe: DB-PROD-01<i style="font-size:0">X</i>',
        "Safe: <style>.k:before{content:'NET-'}</style><b class=k></b>DB-PROD-01",
        "Safe: <style>.k::after{content:attr(title)}</style><b class=k>DB-PROD-01</b>",
        "Safe: <input value=NET->DB-PROD-01",
        "Safe: DB-PROD-01<input value=-99>",
        "Safe: <img src=cid:net>DB-PROD-01",
        "Safe: DB-PROD-01<img src=cid:net>",
        "Safe: DB-<img alt=NET>PROD-01",
    ],
)
def test_a_value_with_hidden_parts_is_ambiguous(line: str) -> None:
    """A value that reads differently when everything is shown, or that a picture or style sheet adds to, is refused."""
    assert isinstance(read_html(html_of().replace("Safe: DB-PROD-01", line)), Ambiguous)


@pytest.mark.parametrize(
    "noise",
    [
        "<!-- {} -->",
        "<script>\n{}\n</script>",
        "<style>\n{}\n</style>",
        "<head><title>{}</title></head>",
        '<img alt="{}">',
        "<!--[if mso]>{}<![endif]-->",
        "<?php {} ?>",
    ],
)
def test_comments_scripts_and_styles_are_no_content(noise: str) -> None:
    """What no client shows and no renderer gives out is neither visible nor hidden text."""
    page = texts_of(f"<p>a</p>{noise.replace('{}', 'Safe: NET-CORE')}<p>b</p>")
    assert "Safe" not in page.whole
    reading = read_html(html_of() + noise.replace("{}", "Safe: NET-CORE"))
    assert isinstance(reading, Notification)
    assert reading.safe == "DB-PROD-01"


@pytest.mark.parametrize(
    "dress",
    [
        '<hr style="display:inline-block;width:98%"><div>{}</div>',
        '<style style="display:none"> P {margin:0} </style><div>{}</div>',
        '<div style="font-size:0"><div style="font-size:13px">{}</div></div>',
        '<div style="font-size:0px"><div style="font:italic 12pt/1.5 Arial">{}</div></div>',
        '<div style="font-size:0px"><div style="font-size:medium">{}</div></div>',
        '<div style="font-size:0px"><div style="font:700 14px Arial">{}</div></div>',
        '<div style="font-size:2em">{}</div>',
        "<style>,{color:white} [lang]{display:none}</style><div>{}</div>",
        '<div style="font-size:0"><div style="font:caption">{}</div></div>',
        '<div style="visibility:hidden"><div style="visibility:visible">{}</div></div>',
        '<table bgcolor="#003366"><tr><td style="color:white">{}</td></tr></table>',
        '<style>.h{background:navy}</style><div class=h><font color="#ffffff">{}</font></div>',
        '<div style="color:hsl(120,50%,20%)">{}</div>',
        '<div style="color:rgb(1,2)">{}</div>',
        '<div style="color:rgb(a,b,c)">{}</div>',
        '<body text="#222222" bgcolor="#eeeeee"><div>{}</div></body>',
        '<div style="color:#ffffff80;background:black">{}</div>',
        '<div style="text-indent:-18pt;margin-left:36pt">{}</div>',
        '<div style="opacity:.9;max-height:none;width:0">{}</div>',
        '<div style="overflow:hidden;height:auto">{}</div>',
        '<div style="display:block;transform:scale(0.9)">{}</div>',
        "<details open><summary>More</summary>{}</details>",
        "<style>li:before{content:'\\2022'} .c:after{content:''} a:hover{color:white}</style><p class=c>{}</p>",
        "<div style='margin:0cm 0cm .0001pt;font-size:11.0pt;mso-fareast-language:EN-US;line-height:1.5'>{}</div>",
        "<div style='overflow-wrap:break-word;-webkit-nbsp-mode:space;line-break:after-white-space'>{}</div>",
        "<div style='overflow:hidden;height:1%;filter:none;clip:auto;position:relative;top:-4px'>{}</div>",
        "<p>x<img src=cid:a></p><span style='font-family:Symbol'>\u00b7</span><div>{}<p><img src=cid:a> a</p></div>",
        "<![if !supportLists]><span>\u00b7&nbsp;</span><![endif]>{}",
        '<div style="font-family:Aptos,Symbol;letter-spacing:-.2pt;transform:rotate(1deg) translate(2px)">{}</div>',
        '<div style="rotate:none;scale:1;translate:none;background:linear-gradient(#fff,#eee)">{}</div>',
        '<bdo dir="ltr">{}</bdo>',
        "<style>p.k{display:none} .k.l{color:white}</style><div class=k>{}</div>",
        "<style>.k{background:#036;color:#fff} td{background:#fff;color:#333}</style><table><td class=k>{}</table>",
        "<style>.x{color:#000} td{color:#fff}</style><table><tr><td class=x>{}</td></tr></table>",
        "<style>@media (prefers-color-scheme:dark){div{color:#fff;background:#222}}</style><div>{}</div>",
        "<style>p.MsoNormal{margin:0;color:black} .x p{color:#333} p{color:#111}</style><p class=MsoNormal>{}",
        '<table><tr height=20><td height="20" width="600" style="opacity:.6">{}</td></tr></table>',
        "<style>.hide{display:none} @font-face{font-family:x} {} ,;{color:red}</style><div class=show>{}</div>",
        "<style>p[lang]{color:red} td.x{} [data-a]{display:none}</style><div>{}</div>",
        '<div style=";:;color;font-size:">{}</div>',
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="x"><body>{}</body></html>',
    ],
)
def test_honest_mails_hide_nothing(dress: str) -> None:
    """What OWA, newsletter builders, corporate tables and Word write is visible."""
    reading = read_html(dress.replace("{}", html_of()))
    assert isinstance(reading, Notification), reading
    assert reading.safe == "DB-PROD-01"


@pytest.mark.parametrize(
    "html",
    [
        "".join(f"<p class=MsoNormal>{label}: {value}<o:p></o:p></p>" for label, value in LINES.items()),
        "<table>" + "".join(f"<tr><td><b>{k}:&nbsp;</b></td><td>{v}</td></tr>" for k, v in LINES.items()) + "</table>",
        "<table>"
        + "".join(f"<tr><th>{k}</th><td>: {v}</td></tr>" for k, v in LINES.items()).replace("</th><td>", "")
        + "</table>",
        "<dl>" + "".join(f"<dt>{k}:</dt><dd>{v}</dd>" for k, v in LINES.items()) + "</dl>",
        "<ul>" + "".join(f"<li>{k}: {v}</li>" for k, v in LINES.items()) + "</ul>",
        f"<pre>{text_of()}</pre>",
        f'<div style="white-space:pre-wrap">{text_of()}</div>',
        f"<style>.p{{white-space:pre-line}}</style><div class=p>{text_of()}</div>",
        html_of().replace("Safe:", "<span>S</span><span style='color:black'>a</span>fe<b>:</b>"),
        html_of().replace("Safe:", "Safe&nbsp;:&nbsp;\u200b"),
        html_of().replace(": ", ":\r\n   "),
        "".join(f'<span style="display:block">{k}: {v}</span>' for k, v in LINES.items()),
        "".join(f'<div style="display:inline-block;width:100%">{k}: {v}</div>' for k, v in LINES.items()),
        html_of().replace("DB-PROD-01", '<div style="display:inline">DB-PROD</div><x-y>-01</x-y>'),
        html_of().replace("1101", '<a href="tel:1101">1101</a>'),
        "<blockquote type=cite>" + html_of() + "</blockquote>",
        "<p>x</p>" * 3 + html_of() + "<![if !supportLists]><![endif]>",
    ],
)
def test_every_shape_of_the_block_is_read(html: str) -> None:
    """Paragraphs, tables, lists, <br>, preformatted text and split labels all give the same notification."""
    reading = read_html(html)
    assert isinstance(reading, Notification), reading
    assert (reading.requestor, reading.safe, reading.number) == tuple(LINES.values())[:3]
    assert reading.account == LINES["Account name"]
    assert reading.device_user == "root"
    assert reading.reason == LINES["Reason"]


def test_white_space_in_the_source_is_one_blank() -> None:
    """A line break in the HTML source is no line break on the screen."""
    reading = read_html(html_of({"Reason": "urgent\n  Safe: NET-CORE"}))
    assert isinstance(reading, Notification)
    assert reading.reason == "urgent Safe: NET-CORE"


@pytest.mark.parametrize(
    "html", ["", "   ", "<!-- x -->", "<a " * 20_000, "<div>" * 6_000 + html_of(), "\ufeff<?xml ?>"]
)
def test_pages_without_readable_text_hold_no_notification(html: str) -> None:
    """Nothing, comments, unclosed tags and what lies deeper than the parser looks are incomplete."""
    assert isinstance(read_html(html), Incomplete)


BOMBS = [
    "<style>" + "[class=a" * 60_000 + "{color:red}</style>",
    "<style>[class=" + "a" * 500_000 + "{color:red}</style>",
    "<style>" + "/*" * 250_000 + "</style>",
    "<style>" + "a," * 200_000 + "{color:red}</style>",
    "<style>" + "{" * 500_000 + "</style>",
    '<p style="left:' + "1" * 500_000 + '">',
    '<p style="transform:' + "scale(0" * 60_000 + '">',
    '<p style="color:' + "rgb(" * 120_000 + '">',
    '<p style="margin:' + "1 " * 200_000 + '">',
    '<p style="content:' + "(a" * 200_000 + '">',
    "<style>" + '"\\' * 200_000 + "</style>",
    "<style>" + "'\\\n" * 150_000 + "</style>",
    "<style>" + "'/*" * 150_000 + "</style>",
    "<style>" + ":not(" * 50_000 + ")" * 50_000 + "{color:red}</style>",
    "<style>" + "[a " * 150_000 + "{color:red}</style>",
    "<img>a" * 20_000,
    "<![if x]>" * 20_000,
    "<style>"
    + "".join(f".x .k{{color:#{n:06x}}}" for n in range(20_000))
    + "</style><div class=k>"
    + "<i class=k>" * 9_000,
    "<style>" + "".join(f".x .k{{color:#{n:06x}}}" for n in range(30)) + "</style>" + "<i class=k></i>" * 9_000,
    "<style>" + "".join(f".k{n}{{color:red}}" for n in range(20_000)) + "</style>" + "<i class=k>" * 9_000,
    "<style>" + ".k{color:red}" * 30_000 + "</style>" + "".join(f"<i class='k a{n}'></i>" for n in range(3_000)),
    "<style>" + ".a{" * 100_000 + "color:red" + "}" * 100_000 + "</style>",
    "<p " + "a=1 " * 120_000 + ">",
    "<!--" * 120_000,
    "<b>" * 160_000,
    "&#x41;" * 10_000,
    '<a href="mailto:x@y.z">' * 20_000,
    '<a href="' + "%25" * 160_000 + '">x</a>',
]

WORDS = "<p>word </p>" * 40_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:20])
def test_no_page_takes_more_than_linear_time(bomb: str) -> None:
    """Half a megabyte of anything takes hardly longer than so many words; what is quadratic would a hundred times."""
    assert seconds_of(bomb) < 10 * seconds_of(WORDS)


@cache
def seconds_of(content: str) -> float:
    """Read a page, and return the time that the processor took."""
    started = time.process_time()
    assert isinstance(read_html(f"<div>{content}</div>" + html_of()), Notification | Incomplete | Ambiguous)
    return time.process_time() - started


def requestor_linked(href: str, shown: str = "mara.voss@corp.example") -> str:
    """Return the block with the requestor as a link."""
    return html_of({"Requester email": f'<a href="{href}">{shown}</a>'})


@pytest.mark.parametrize(
    "href",
    [
        "mailto:mara.voss@corp.example",
        "MAILTO:Mara.Voss@CORP.example?subject=hello",
        "mailto:mara.voss%40corp.example",
        " mail\nto:mara.voss@corp.example",
        "https://eur03.safelinks.example/?url=mailto%3Amara.voss%40corp.example&amp;data=05",
        "https://urldefense.example/v3/__mailto:mara.voss@corp.example__;!!x",
        "https://gate.example/?u=mailto:nobody",
        "https://people.corp.example/mara",
        "",
        "#",
    ],
)
def test_links_that_lead_where_they_say_change_nothing(href: str) -> None:
    """Mailto in any spelling, wrappers around it, and links that name no address."""
    reading = read_html(requestor_linked(href))
    assert isinstance(reading, Notification), reading
    assert reading.requestor == "mara.voss@corp.example"


@pytest.mark.parametrize(
    "href",
    [
        "mailto:lea.fontaine@corp.example",
        "mailto:lea.fontaine%40corp.example?subject=mara.voss@corp.example",
        "mailto:mara.voss@corp.example,lea.fontaine@corp.example",
        "https://eur03.safelinks.example/?url=mailto%3Alea.fontaine%40corp.example&amp;data=05",
        "\x01mailto:lea.fontaine@corp.example",
    ],
)
def test_a_link_that_leads_elsewhere_is_ambiguous(href: str) -> None:
    """The address behind the text is a second value."""
    reading = read_html(requestor_linked(href))
    assert isinstance(reading, Ambiguous), reading
    assert reading.fields == ("requestor",)


def test_a_link_with_a_name_is_no_address() -> None:
    """Only a visible address counts; the target of a link is never taken instead."""
    assert isinstance(read_html(requestor_linked("mailto:mara.voss@corp.example", "Mara Voss")), Incomplete)


def test_links_elsewhere_in_the_mail_do_not_matter() -> None:
    """A signature whose link text is a name, and links inside one another, leave the request alone."""
    footer = '<p><a href="mailto:help@corp.example">Help <a href="mailto:x@corp.example">desk</a></a></p>'
    assert isinstance(
        read_html(html_of({"Reason": 'ask <a href="mailto:wen.zhao@corp.example">Wen</a>'}) + footer), Notification
    )


def test_html_and_text_of_one_mail_agree_on_links() -> None:
    """The text rendering prints link targets that the HTML does not show; the values are the same."""
    url = "https://tickets.corp.example/4711"
    text = text_of(
        {"Reason": f"see {url}<{url}>", "Requester email": "mara.voss@corp.example<mailto:mara.voss@corp.example>"}
    )
    html = html_of({"Reason": f'see <a href="{url}">{url}</a>'})
    reading = read(multipart("alternative", part(text), part(html, "text/html")), RULES.parse)
    assert isinstance(reading, Notification), reading
    assert reading.reason == f"see {url}"


@pytest.mark.parametrize(
    ("value", "colour"),
    [
        ("#abc", (170, 187, 204)),
        ("#AABBCC", (170, 187, 204)),
        ("#aabbccff", (170, 187, 204)),
        ("#abcf", (170, 187, 204)),
        ("#ab", None),
        ("aabbcc", (170, 187, 204)),
        ("url(x) no-repeat #abc", (170, 187, 204)),
        ("red", (255, 0, 0)),
        ("rgb(1 2 3 / 50%)", (1, 2, 3)),
        ("rgba(1,2,3,.05)", colours.CLEAR),
        ("rgb(,,)", None),
        ("hsl(0,0%,50%)", None),
        ("chucknorris", None),
        ("", None),
    ],
)
def test_colours_are_read_as_far_as_they_are_plain(value: str, colour: colours.Colour | None) -> None:
    """Hex, rgb() and common names are understood; anything else is unknown, and unknown is seen."""
    assert colours.read(value) == colour


@pytest.mark.parametrize(
    "behind",
    [
        "<p>Safe: OTHER-01</p>",
        "<!-- x --><div>Safe: OTHER-01</div>",
        "Safe: OTHER-01",
        "<html><body><p>Safe: OTHER-01</p></body></html>",
        '<div style="display:none">Safe: OTHER-01</div>',
        '<style>p.x {display:none}</style><p class="x">Safe: OTHER-01</p>',
    ],
)
@pytest.mark.parametrize("end", ["</body></html>", "</html>", "</html></html>"])
def test_what_stands_behind_the_end_of_the_document_is_read(behind: str, end: str) -> None:
    """Mail clients show it, and libxml2 makes it a tree of its own: a second value there is ambiguous."""
    assert isinstance(read_html(f"<html><body>{html_of()}{end}{behind}"), Ambiguous)


def test_a_footer_behind_the_end_of_the_document_harms_nothing() -> None:
    """Gateways append disclaimers there; an honest mail reads as before."""
    assert isinstance(
        read_html(f"<html><body>{html_of()}</body></html><p>This mail is confidential.</p>"), Notification
    )
