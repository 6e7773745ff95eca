import { formatYuan } from '#kernel/money.ts'
import { type Coupon, isExpired, type Trade } from './trade-book.ts'

/** Plain server-rendered pages of the stand-in wallets: no script, one column, large figures. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

export interface Brand {
  name: string
  english: string
  colour: string
  /** Path prefix of the wallet pages. */
  root: string
}

export function page(brand: Brand, heading: string, body: string): string {
  return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(heading)} · ${escapeHtml(brand.name)}</title>
<style>
:root { color-scheme: light dark; --brand: ${brand.colour} }
* { box-sizing: border-box }
body { margin: 0; font: 18px/1.6 system-ui, "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; background: Canvas; color: CanvasText }
header { background: var(--brand); color: #fff; padding: 14px 20px }
header b { font-size: 20px }
header span { display: block; font-size: 14px }
main { max-width: 32rem; margin: 0 auto; padding: 24px 20px 40px }
h1 { font-size: 22px; margin: 0 0 16px }
.amount { font-size: 48px; line-height: 1.2; font-weight: 700; margin: 8px 0 20px; font-variant-numeric: tabular-nums }
.amount small { font-size: 28px }
dl { display: grid; grid-template-columns: auto 1fr; gap: 6px 16px; margin: 0 0 28px; padding: 16px 0; border-block: 1px solid color-mix(in srgb, CanvasText 18%, Canvas) }
dt { color: color-mix(in srgb, CanvasText 70%, Canvas) }
dd { margin: 0; text-align: right; overflow-wrap: anywhere }
button, .button { display: block; width: 100%; min-height: 52px; margin: 0 0 12px; border: 2px solid var(--brand); border-radius: 8px; font: inherit; font-weight: 600; background: var(--brand); color: #fff; text-align: center; text-decoration: none; line-height: 48px; cursor: pointer }
button.quiet { background: transparent; color: inherit; border-color: color-mix(in srgb, CanvasText 40%, Canvas) }
button:focus-visible, a:focus-visible { outline: 3px solid Highlight; outline-offset: 3px }
ul { list-style: none; margin: 0; padding: 0 }
li { border-bottom: 1px solid color-mix(in srgb, CanvasText 18%, Canvas); padding: 14px 0 }
li a { color: inherit; display: flex; justify-content: space-between; gap: 16px; min-height: 44px; align-items: center }
.hint { font-size: 15px; color: color-mix(in srgb, CanvasText 70%, Canvas) }
</style>
</head>
<body>
<header><b>${escapeHtml(brand.name)}</b><span>演示用，不动真钱 · ${escapeHtml(brand.english)}, demonstration only, no real money moves</span></header>
<main><h1>${escapeHtml(heading)}</h1>
${body}
</main>
</body>
</html>`
}

const hidden = (fields: Record<string, string>): string =>
  Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`)
    .join('')

/** The page on which a person confirms one payment. */
export function payPage(brand: Brand, merchant: string, trade: Trade, returnUrl: string, now: Date, coupon?: Coupon): string {
  const offFen = trade.payments.length > 0 || !coupon ? 0 : Math.min(coupon.fen, trade.amountFen - 1)
  const facts = `<div class="amount"><small>¥</small>${formatYuan(trade.amountFen - offFen)}</div>
<dl>${offFen > 0 ? `<dt>${escapeHtml(coupon!.name)}</dt><dd>−${formatYuan(offFen)}</dd>` : ''}<dt>收款方</dt><dd>${escapeHtml(merchant)}</dd><dt>商品</dt><dd>${escapeHtml(trade.title)}</dd><dt>订单号</dt><dd>${escapeHtml(trade.outTradeNo)}</dd></dl>`
  const reason = trade.payments.length > 0 ? '已付款' : trade.isClosed ? '订单已关闭' : isExpired(trade, now) ? '订单已过期' : ''
  const back = returnUrl ? `<a class="button" href="${escapeHtml(returnUrl)}">返回商家</a>` : ''
  if (reason) return page(brand, reason, `${facts}${back}<p class="hint">English: ${ENGLISH[reason]}</p>`)
  const fields = hidden({ handle: trade.handle, redirect_url: returnUrl })
  return page(
    brand,
    '确认付款',
    `${facts}
<form method="post" action="${brand.root}/pay">${fields}<button type="submit" name="do" value="pay">确认付款</button></form>
<form method="post" action="${brand.root}/cancel">${fields}<button class="quiet" type="submit">取消</button></form>
<p class="hint">English: the first button pays, the second cancels.</p>`,
  )
}

const ENGLISH: Readonly<Record<string, string>> = {
  已付款: 'this order is paid.',
  订单已关闭: 'this order is closed, nothing was charged.',
  订单已过期: 'this order has expired, nothing was charged.',
}

/** After paying or cancelling where no shop page waits. */
export function donePage(brand: Brand, isPaid: boolean, amountFen: number): string {
  const heading = isPaid ? '付款成功' : '已取消付款'
  const english = isPaid ? 'paid; you can go back to the shop.' : 'cancelled, nothing was charged.'
  return page(
    brand,
    heading,
    `<div class="amount"><small>¥</small>${formatYuan(amountFen)}</div><a class="button" href="${brand.root}">待付款列表</a><p class="hint">English: ${english}</p>`,
  )
}

const LISTED_MAX = 30

/** Stands in for the camera: the last unpaid trades, newest first. */
export function unpaidPage(brand: Brand, trades: Trade[], now: Date): string {
  const open = trades.filter(trade => trade.payments.length === 0 && !trade.isClosed && !isExpired(trade, now))
  const items = open
    .slice(-LISTED_MAX)
    .reverse()
    .map(
      trade =>
        `<li><a href="${brand.root}/${encodeURIComponent(trade.product)}?handle=${encodeURIComponent(trade.handle)}"><span>${escapeHtml(trade.title)}</span><b>¥${formatYuan(trade.amountFen)}</b></a></li>`,
    )
  const body = items.length > 0 ? `<ul>${items.join('')}</ul>` : '<p>没有待付款的订单。</p>'
  return page(brand, '扫一扫：待付款', `${body}<p class="hint">English: pick an order here instead of scanning its code.</p>`)
}
