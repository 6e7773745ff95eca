import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { renderSVG } from 'uqr'
import { generators, serialNumbers } from '../src/app/seed/bills.ts'
import { type BillerContent, type BillerId, billers } from '../src/app/seed/content.ts'
import { type Cycle, listCycles } from '../src/app/seed/cycles.ts'
import { addressOf, inventHouseholds } from '../src/app/seed/households.ts'
import { type Random, seededRandom } from '../src/kernel/random.ts'

/** A paper bill of the demonstration town: what is printed, and the page it is printed on. */
export interface PaperBill {
  readonly biller: BillerId
  readonly accountNo: string
  /** Absent where the biller prints none. */
  readonly billNo?: string
  readonly amountFen: number
  readonly from: string
  readonly to: string
  readonly html: string
}

/** Print of fourteen points on a slip, and of ten on a sheet. */
const PAPER_WIDTHS_PX = [720, 1_040] as const
const yuan = (fen: number): string => (fen / 100).toFixed(2)
const grouped = (text: string): string => text.replace(/(.{4})(?=.)/g, '$1 ')

/** What a paper bill says; `lines` are figures beside their labels, as the biller's own file has them. */
export interface PrintedFacts {
  readonly b: BillerContent
  readonly name: string
  readonly address: string
  readonly accountNo: string
  readonly billNo: string | undefined
  readonly amountFen: number
  readonly cycle: Cycle
  readonly lines: readonly (readonly [label: string, value: string])[]
  readonly random: Random
  /** Address the printed code leads to. */
  readonly codeUrl?: string
}

/** `count` different bills, the six billers in turn, the same for the same seed. */
export function inventBills(count: number, seed: string, today = '2026-11-20', codeUrl?: string): PaperBill[] {
  const households = inventHouseholds(Math.max(60, count), seed)
  return Array.from({ length: count }, (_, i) => {
    const b = billers[i % billers.length]!
    const random = seededRandom(`${seed}:bill:${i}`)
    const owners = households.filter(h => h.accounts[b.id] !== undefined)
    const h = owners[Math.floor(i / billers.length) % owners.length]!
    const cycles = listCycles(b.id, today)
    const accountNo = h.accounts[b.id]!
    const serial = serialNumbers(b.id)
    const rows = [
      ...generators[b.id](
        b,
        h,
        accountNo,
        cycles,
        random,
        cycle => `${serial(cycle).slice(0, 5)}${1_000_000 + random.int(8_000_000)}`,
        false,
      ),
    ]
    const row = rows[random.int(rows.length)]!
    const named = new Map(b.mapping.columns.map((column, at) => [column.name, { column, value: row.values[at]! }]))
    const number = b.mapping.bill.bill_no
    const billNo = typeof number === 'string' ? String(named.get(number)?.value ?? '') || undefined : undefined
    const plain = new Set([b.mapping.bill.account_no, number, b.mapping.bill.payer_name, b.mapping.bill.address, 'record_type'])
    const lines = [...named.values()]
      .filter(({ column }) => !plain.has(column.name))
      .flatMap(({ column, value }): (readonly [string, string])[] => {
        if (Array.isArray(value)) return value.map(item => [item.name, yuan(item.amountFen)] as const)
        const text = value instanceof Date ? value.toISOString().slice(0, 10) : String(value)
        return [[column.header ?? column.name, 'unit' in column && column.unit === 'fen' ? yuan(Number(text)) : text]]
      })
    return printedBill({
      b,
      name: h.name,
      address: addressOf(h),
      accountNo,
      billNo,
      amountFen: row.amountFen,
      cycle: row.cycle,
      lines,
      random,
      ...(codeUrl && { codeUrl }),
    })
  })
}

export function printedBill(facts: PrintedFacts): PaperBill {
  const { b, accountNo, billNo, amountFen, cycle, codeUrl } = facts
  const code = codeUrl ? `<div class="code">${renderSVG(codeUrl, { border: 2 })}扫码缴费</div>` : ''
  return {
    biller: b.id,
    accountNo,
    ...(billNo && { billNo }),
    amountFen,
    from: cycle.from,
    to: cycle.to,
    html: documentOf(LAYOUTS[b.id](facts) + code, PAPER_WIDTHS_PX[facts.random.int(PAPER_WIDTHS_PX.length)]!),
  }
}

/** Numbers that are none of those looked for, as every bill carries some. */
function noise(random: Random): { phone: string; bank: string; meter: string; tax: string } {
  const digits = (count: number) => Array.from({ length: count }, () => random.int(10)).join('')
  return {
    phone: `0000 ${digits(4)} ${digits(4)}`,
    bank: `6222 ${digits(4)} ${digits(4)} ${digits(4)}`,
    meter: `${10 + random.int(90)}${digits(8)}`,
    tax: `91990101MA${digits(7)}X`,
  }
}

const months = ({ from, to }: Cycle): string =>
  from === to
    ? `${from.slice(0, 4)}年${Number(from.slice(5))}月`
    : from.slice(0, 4) === to.slice(0, 4)
      ? `${from.slice(0, 4)}年${Number(from.slice(5))}–${Number(to.slice(5))}月`
      : `${from.slice(0, 4)}年${Number(from.slice(5))}月–${to.slice(0, 4)}年${Number(to.slice(5))}月`

const table = (rows: readonly (readonly [string, string])[], kind = ''): string =>
  `<table class="${kind}">${rows.map(([label, value]) => `<tr><th>${label}</th><td>${value}</td></tr>`).join('')}</table>`

const LAYOUTS: Readonly<Record<BillerId, (f: PrintedFacts) => string>> = {
  water: f => {
    const n = noise(f.random)
    return `<h1>${f.b.zh}</h1><h2>水费账单</h2>
      <div class="two"><div>用户编号：<b>${f.accountNo}</b><br>户名：${f.name}<br>用水地址：${f.address}<br>水表编号：${n.meter}</div>
      <div>账单编号：${f.billNo}<br>账期：${months(f.cycle)}<br>缴费截止日：${f.cycle.dueOn}<br>服务热线：${n.phone}</div></div>
      ${table(f.lines.slice(1, 4), 'grid')}${table(f.lines.slice(4, 9), 'grid')}
      <p class="big">应缴金额：¥${yuan(f.amountFen)}</p><p class="small">统一社会信用代码 ${n.tax}　开户行账号 ${n.bank}<br>逾期十五日后每日按欠费万分之五计收。</p>`
  },
  power: f => {
    const n = noise(f.random)
    return `<div class="slip"><h2>${f.b.zh}</h2><p>居民电费通知单</p><hr>
      <div class="mono">户　　号 ${f.accountNo}<br>户　　名 ${f.name}<br>用电地址 ${f.address}<br>电费年月 ${f.cycle.from.replace('-', '')}<br>应收编号 ${f.billNo}<br>
      表　　号 ${n.meter}${n.meter.slice(0, 3)}</div><hr>${table(f.lines.slice(1, 5))}<hr>
      <p class="big">本期应缴 ${yuan(f.amountFen)} 元</p><hr><p>请于 ${f.cycle.dueOn} 前缴纳</p><p>客服电话 ${n.phone}</p></div>`
  },
  gas: f => {
    const n = noise(f.random)
    return `<h1 class="left">燃气费缴费单</h1><p class="right">${f.b.zh}</p>
      ${table(
        [
          ['客户编号', grouped(f.accountNo)],
          ['客户名称', f.name],
          ['地址', f.address],
          ['表具编号', n.meter],
          ['账单编号', f.billNo ?? ''],
          ['计费期间', `${f.cycle.from.replace('-', '')}-${f.cycle.to.replace('-', '')}`],
          ...f.lines.slice(1, 5),
          ['上次结余', yuan(f.random.int(40))],
          ['应缴合计（元）', `<b>${yuan(f.amountFen)}</b>`],
          ['缴费期限', f.cycle.dueOn],
        ],
        'grid',
      )}<p class="small">抢修电话 ${n.phone}。请妥善保管本单。</p>`
  },
  heating: f => {
    const n = noise(f.random)
    const amount = yuan(f.amountFen).replace(/\B(?=(\d{3})+\.)/g, ',')
    return `<h1>采暖费缴费通知书</h1><p>尊敬的${f.name}用户（${f.address}）：</p>
      <p class="letter">您户供热编号为 <b>${f.accountNo}</b>，${f.cycle.from.slice(0, 4)}-${f.cycle.to.slice(0, 4)}采暖季计费面积${f.lines.find(([label]) => label === '计费面积')?.[1]}平方米，
      单价每平方米${f.lines.find(([label]) => label === '单价')?.[1]}元，应缴热费 <b>${amount}</b> 元。请于${f.cycle.dueOn.replace(/-/, '年').replace(/-/, '月')}日前缴清，十月三十一日前缴清减收百分之二。</p>
      <p class="letter">缴费账号：${n.bank}，咨询电话：${n.phone}。</p><p class="right">${f.b.zh}<br>${f.cycle.issuedOn}</p><i class="seal">收费专用章</i>`
  },
  telecom: f => {
    const n = noise(f.random)
    return `<div class="band">${f.b.zh}</div><div class="two"><div>账户编号<br><b>${f.accountNo}</b><br>账单编号<br>${f.billNo}</div>
      <div>账单月份<br><b>${f.cycle.from}</b><br>应缴金额（元）<br><span class="big">${yuan(f.amountFen)}</span></div></div>
      ${table(f.lines.filter(([label]) => !/账单|应缴/.test(label)))}<p class="small">客户：${f.name}　服务热线 ${n.phone}　截止日期 ${f.cycle.dueOn}</p>
      <p class="small">超出套餐的流量按每GB 5.00元计，封顶600.00元。</p>`
  },
  property: f => {
    const n = noise(f.random)
    return `<h2>物业服务费收费通知单</h2><div class="two"><div>房产编号 ${f.accountNo}</div><div>业主 ${f.name}</div></div>
      ${table(
        [
          ['房号', f.address],
          ...f.lines
            .filter(([label]) => !/合计|应缴|房号/.test(label))
            .map(([label, value]) => [label, /^\d+(\.\d)?$/.test(value) ? Number(value).toFixed(2) : value] as const),
          ['合计', yuan(f.amountFen)],
        ],
        'grid',
      )}<p class="right">${f.b.zh}　应缴日期 ${f.cycle.dueOn}<br>收款账号 ${n.bank}</p><i class="seal">物业服务中心</i>`
  },
}

const documentOf = (
  body: string,
  width: number,
): string => `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="${FONTS}400.css">
<link rel="stylesheet" href="${FONTS}700.css"><style>
body{margin:0;background:#fff}.bill{position:relative;box-sizing:border-box;width:${width}px;padding:44px 40px;background:#fdfdfb;color:#16181d;font:19px/1.75 'Noto Sans SC'}
h1{font-size:32px;margin:0 0 8px;text-align:center}h2{font-size:25px;margin:0 0 14px;text-align:center}.left{text-align:start}.right{text-align:end}
.two{display:grid;grid-template-columns:1fr 1fr;gap:8px 24px;margin-block:12px}table{width:100%;border-collapse:collapse;margin-block:12px}th{text-align:start;font-weight:400;color:#333}
td{text-align:end}.grid th,.grid td{border:1px solid #555;padding:3px 10px}.big{font-size:30px;font-weight:700}.small{font-size:15px;color:#444}.slip{width:420px;margin:auto}
.mono{font-family:'Liberation Mono','DejaVu Sans Mono',monospace,'Noto Sans SC';white-space:pre-line}.band{background:#1c4f9c;color:#fff;font-size:27px;padding:10px 18px;margin-block-end:12px}
.code{width:170px;text-align:center;font-size:15px}.code svg{display:block;width:170px}.letter{text-indent:2em;line-height:2}.seal{position:absolute;inset:auto 60px 40px auto;width:130px;height:130px;border:4px solid #c33;border-radius:50%;color:#c33;opacity:.65;display:grid;place-items:center;font-style:normal;transform:rotate(-14deg)}
</style><div class="bill">${body}</div>`

const FONTS = 'http://fonts.invalid/'
const fontsFolder = new URL('.', import.meta.resolve('@fontsource/noto-sans-sc/400.css'))

/** Prints bills one after the other on one page of a browser, as pictures twice as wide as the paper has points. */
export async function openPrinter(browser: Browser): Promise<{ print(bill: PaperBill): Promise<Buffer>; close(): Promise<void> }> {
  const page: Page = await browser.newPage({ viewport: { width: 1_100, height: 1_000 }, deviceScaleFactor: 2 })
  // The typeface comes from our own packages, whatever the machine has.
  await page.route(`${FONTS}**`, route =>
    route.fulfill({
      body: readFileSync(fileURLToPath(new URL(route.request().url().slice(FONTS.length), fontsFolder))),
      contentType: route.request().url().endsWith('.css') ? 'text/css' : 'font/woff2',
      headers: { 'access-control-allow-origin': '*' },
    }),
  )
  return {
    print: async bill => {
      await page.setContent(bill.html, { waitUntil: 'load' })
      await page.evaluate(() => document.fonts.ready.then(() => undefined))
      return page.locator('.bill').screenshot({ type: 'png' })
    },
    close: () => page.close(),
  }
}
