import { publicUrl } from '#kernel/config.ts'
import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { newCode } from '#kernel/id.ts'
import { type Random, seededRandom } from '#kernel/random.ts'
import {
  askDispute,
  beginJourney,
  bindAccount,
  dueFen,
  endJourney,
  getBill,
  listBillers,
  listPrintBills,
  type PrintBill,
  payBills,
  payInCash,
  undoPayment,
} from '#modules/billing/index.ts'
import { createStaff, permissionsOf, registerPerson } from '#modules/identity/index.ts'
import { findOrderByCode, notifyUrlOf, openDrawer, orderStateOf, startAttempt, windowPayer } from '#modules/payments/index.ts'

// A console without a figure shows nothing. On the first day of the demonstration town some neighbours pay: through the product's own
// services, the stand-ins' wallets and their signed notifications, as anybody would.

/** Beyond the sheets of bills to try out and the accounts that are debited: those are to stay open. */
const BILLS_LEFT = 40
/** Out of a hundred visits: to the window, ended at the bill, ended at the wallet. */
const SHARES = { cash: 22, looksOnly: 8, givesUp: 5 } as const
/** Telephones in use at the same time. */
const PHONES = 8
const UNDONE_ONE_IN = 20
const PAID_MS_MAX = 10_000
const LOOK_MS = 100
const FLOAT = { d1000: '20', d500: '10', d100: '20' }

export interface Today {
  /** Addresses of the stand-ins of the two channels. */
  readonly wallets: Readonly<Record<'wechat' | 'alipay', string>>
  readonly visits: number
  readonly skip?: number
  /** What a second of a person lasts; 1000 unless told. */
  readonly pace_ms?: number
  readonly signal?: AbortSignal
}

export interface TodayDone {
  readonly paid: number
  readonly cash: number
  readonly undone: number
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

interface Visit {
  readonly bill: PrintBill
  readonly payer: string
  readonly dice: number
}

interface Window {
  readonly clerk: Ctx
  readonly payer: string
}

/** A colleague at the next window, so that the drawer of whoever tries the demonstration is still to be opened. */
async function colleague(ctx: Ctx): Promise<Window | undefined> {
  const made = await createStaff(ctx, { username: 'window-2', name: '李娟', role: 'clerk' })
  if (!made.ok) return undefined
  const clerk: Ctx = { ...ctx, actor: { kind: 'staff', id: made.value.id, permissions: permissionsOf('clerk') } }
  const opened = await openDrawer(clerk, { drawer: 'A2', pieces: FLOAT })
  return opened.ok ? { clerk, payer: windowPayer(opened.value) } : undefined
}

/** Lets some neighbours pay their bills today. Answers what came of it; ends early when `signal` says so. */
export async function liveToday(kernel: Kernel, tenantId: number, today: Today): Promise<TodayDone> {
  const ctx = systemCtx(kernel, tenantId, 'seed')
  const random = seededRandom(`today-${today.visits}`)
  const [doubted, ...toPay] = await pickBills(ctx, today.visits, today.skip ?? BILLS_LEFT)
  if (doubted) await haveChecked(ctx, doubted)
  const window = await colleague(ctx)
  const visits = toPay.map((bill, n): Visit => ({ bill, payer: `browser:neighbour-${n}`, dice: random.int(100) }))
  const isCash = ({ dice }: Visit) => window !== undefined && dice < SHARES.cash
  const [atWindow, onPhone] = [visits.filter(isCash), visits.filter(visit => !isCash(visit))]
  const done = { paid: 0, cash: 0, undone: 0 }
  const work = async (queue: Visit[], visit: (next: Visit) => Promise<void>) => {
    for (let next = queue.shift(); next && !today.signal?.aborted; next = queue.shift()) await visit(next)
  }
  await Promise.all([
    work(atWindow, async ({ bill }) => void ((await payAtWindow(window!, bill, () => wait(today, random))) && done.cash++)),
    ...Array.from({ length: PHONES }, () =>
      work(onPhone, async visit => {
        const order = await payOnPhone(ctx, today, visit, random)
        if (!order) return
        done.paid++
        const undo = { orderCode: order, payers: [visit.payer], idempotencyKey: newCode(kernel.random) }
        if (done.paid % UNDONE_ONE_IN === 0 && (await undoPayment(ctx, undo)).ok) done.undone++
      }),
    ),
  ])
  return done
}

/** As long as a person takes to read or to press. */
async function wait({ pace_ms = 1_000, signal }: Today, random: Random): Promise<void> {
  for (let left = 3 + random.int(6); left > 0 && !signal?.aborted; left--) await pause(pace_ms)
}

/** Open bills of all billers in turn. */
async function pickBills(ctx: Ctx, count: number, skip: number): Promise<PrintBill[]> {
  const billers = await listBillers(ctx)
  const each = Math.ceil(count / Math.max(1, billers.length))
  const lists = await Promise.all(billers.map(async biller => (await listPrintBills(ctx, biller.id, skip + each)).slice(skip)))
  return Array.from({ length: each }, (_, i) => lists.flatMap(list => list[i] ?? []))
    .flat()
    .slice(0, count)
}

async function payAtWindow({ clerk, payer }: Window, { code }: PrintBill, counting: () => Promise<void>): Promise<boolean> {
  const bill = await getBill(clerk, code, [payer])
  if (!bill.ok || bill.value.checks.some(check => check.level === 'stop')) return false
  const { quote } = bill.value
  await beginJourney(clerk, { payer, billId: bill.value.bill.id, place: 'window', way: 'desk' })
  const tenderedFen = Math.ceil(dueFen(bill.value) / 5_000) * 5_000
  await counting()
  const taken = await payInCash(clerk, { quote, tenderedFen, idempotencyKey: newCode(clerk.kernel.random) })
  if (taken.ok) await endJourney(clerk, taken.value.orderId)
  return taken.ok
}

/** Somebody doubts a bill: the biller has something to answer. */
async function haveChecked(ctx: Ctx, { code }: PrintBill): Promise<void> {
  const person = await registerPerson(ctx, { name: '吴秀珍', phone: '13700010004' })
  const bill = await getBill(ctx, code, [])
  if (!person.ok || !bill.ok) return
  const { id } = person.value
  await bindAccount(ctx, `resident:${id}`, bill.value.bill.accountId, 'owner', null)
  const resident: Ctx = { ...ctx, actor: { kind: 'resident', id, permissions: new Set() } }
  const note = '家里一个月没人住，用量不该这么高。'
  await askDispute(resident, { billId: bill.value.bill.id, reason: 'amount', note, idempotencyKey: newCode(ctx.kernel.random) })
}

/** From the code on paper to the receipt; the code of the order that was paid. */
async function payOnPhone(ctx: Ctx, today: Today, { bill, payer, dice }: Visit, random: Random): Promise<string | undefined> {
  const found = await getBill(ctx, bill.code, [payer], 'online')
  if (!found.ok || found.value.checks.some(check => check.level === 'stop')) return undefined
  await beginJourney(ctx, { payer, billId: found.value.bill.id, place: 'phone', way: random.int(4) === 0 ? 'site' : 'scan' })
  await wait(today, random)
  if (dice < SHARES.cash + SHARES.looksOnly) return undefined
  const idempotencyKey = newCode(ctx.kernel.random)
  const placed = await payBills(ctx, { quote: found.value.quote, idempotencyKey, payer, place: 'phone' })
  if (!placed.ok) return undefined
  const { orderId, code } = placed.value
  const channel = random.int(5) < 3 ? 'wechat' : 'alipay'
  const started = await startAttempt(ctx, {
    ...{ orderId, channel, product: channel === 'wechat' ? 'h5' : 'wap', notifyUrl: notifyUrlOf(ctx, channel) },
    ...{ returnUrl: `${publicUrl(ctx.kernel.config)}/o/${code}`, clientIp: '127.0.0.1' },
  })
  const wallet = started.ok ? started.value.launch?.redirectUrl : undefined
  if (!wallet || dice < SHARES.cash + SHARES.looksOnly + SHARES.givesUp) return undefined
  // A browser follows; one of the wallets knows of the trade only then.
  await (await fetch(wallet)).arrayBuffer()
  await wait(today, random)
  const attempt = (await findOrderByCode(ctx, code))?.attempts.at(-1)
  if (!attempt || !(await payInWallet(today.wallets[channel], attempt.outTradeNo))) return undefined
  for (let waited = 0; waited < PAID_MS_MAX; waited += LOOK_MS) {
    const order = await findOrderByCode(ctx, code)
    if (order && orderStateOf(order.state) === 'paid') {
      await endJourney(ctx, orderId)
      return code
    }
    await pause(LOOK_MS)
  }
  return undefined
}

async function payInWallet(wallet: string, outTradeNo: string): Promise<boolean> {
  const answer = await fetch(`${wallet}/_control/pay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ out_trade_no: outTradeNo }),
  })
  await answer.arrayBuffer()
  return answer.ok
}
