import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { queryIn } from '#kernel/db/testing.ts'
import { systemClock } from '#kernel/time.ts'
import { createStaff, type Role } from '#modules/identity/index.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { type SmsConfig, smsGateway, useMessenger } from '#modules/notify/index.ts'
import { checkPayments } from '#modules/payments/index.ts'
import { startSandbox } from '../../sandbox/start.ts'
import { type Page, type Plain, plainBrowser } from '../support/form.ts'
import type { Product } from '../support/product.ts'
import { totpCode } from '../support/totp.ts'

/** Everything an abuse could change, in one text: orders, attempts, money moved, claims, accounts kept at hand. */
const STATE = `
  select jsonb_build_object(
    'orders', (select jsonb_agg(jsonb_build_array(tenant_id, id, state, amount_fen, paid_fen, reserved_fen, refunded_fen) order by id) from payments."order"),
    'attempts', (select jsonb_agg(jsonb_build_array(id, amount_fen, txn_no, state = 5) order by id) from payments.attempt_state),
    'claims', (select jsonb_agg(to_jsonb(c) order by c.order_id) from payments.claim c),
    'refunds', (select jsonb_agg(jsonb_build_array(id, amount_fen) order by id) from payments.refund),
    'transactions', (select jsonb_agg(t.ref order by t.ref) from ledger.journal t where t.code in ('PAY', 'LATE')),
    'suspense', (select count(*) from payments.suspense),
    'journal', (select count(*) from ledger.journal),
    'bindings', (select jsonb_agg(to_jsonb(b) order by b.payer, b.account_id) from billing.binding b)
  )::text as state`

const REFUSALS = `
  select count(*)::int as n from (
    select type from trail.pending_event union all select type from trail.entry
  ) as written where type = 'trail.request_refused'`

export interface Inspector {
  state(): Promise<string>
  /** Refusals on the trail, sealed or not yet, over all tenants. */
  refusals(): Promise<number>
  count(sql: string, values?: unknown[]): Promise<number>
  rows(sql: string): Promise<unknown[]>
}

/** Reads the tables as their owner, so that no row policy hides a change. */
export async function withInspector<T>(product: Product, work: (see: Inspector) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: product.kernel.owner })
  await client.connect()
  const one = async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows[0]
  try {
    return await work({
      state: async () => (await one(STATE)).state,
      refusals: async () => (await one(REFUSALS)).n,
      count: async (sql, values) => Number((await one(sql, values)).n),
      rows: async sql => (await client.query(sql)).rows,
    })
  } finally {
    await client.end()
  }
}

export const until = async <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> => {
  for (let i = 0; i < 150; i++) {
    const found = await look()
    if (found) return found
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`waited in vain for ${what}`)
}

/** What is wrong with the books; empty when nothing is. */
export const faultsInBooks = async ({ kernel }: Product) =>
  [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false)

/** Presses the pay button on the wallet's own page; answers where the wallet sends its guest back to. */
export async function payInWallet(location: string): Promise<string> {
  const page = await fetch(location)
  const form = [...(await page.text()).matchAll(/<form[\s\S]*?<\/form>/g)].map(m => m[0]).find(f => f.includes('value="pay"'))
  if (!form) throw new Error(`the wallet has no pay button at ${location}`)
  const fields = [...form.matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)]
  const target = new URL(/action="([^"]*)"/.exec(form)![1]!, page.url)
  const body = new URLSearchParams(fields.map(m => [m[1]!, m[2]!.replaceAll('&#38;', '&').replaceAll('&amp;', '&')]))
  const paid = await fetch(target, { method: 'POST', redirect: 'manual', body })
  return paid.headers.get('location') ?? ''
}

export interface Paid {
  readonly browser: Plain
  readonly bill: string
  /** Path of the order: `/o/<code>`. */
  readonly order: string
  readonly done: Page
}

/** Starts paying one bill in a browser of its own: `order` is open. */
export async function startPaying(
  product: Product,
  amountFen?: number,
  way: 'wechat' | 'alipay' = 'wechat',
): Promise<Omit<Paid, 'done'> & { wallet: string }> {
  const browser = plainBrowser(product.url)
  const bill = await product.issueBill(amountFen)
  const answer = await browser.submit(await browser.get(`/b/${bill}`), `/b/${bill}/pay`, { way })
  if (!answer.location) throw new Error(`no wallet: ${answer.status}`)
  const back = new URL(answer.location).searchParams.get('redirect_url') ?? ''
  const { rows } = await queryIn(
    product.kernel,
    'select o.code from payments."order" o join payments.order_line l on l.order_id = o.id join billing.bill b on b.id = l.subject_id where b.code = $1',
    [bill],
  )
  return { browser, bill, order: back ? new URL(back).pathname : `/o/${rows[0].code}`, wallet: answer.location }
}

export async function pay(product: Product, amountFen?: number, way: 'wechat' | 'alipay' = 'wechat'): Promise<Paid> {
  const { wallet, ...started } = await startPaying(product, amountFen, way)
  const back = await payInWallet(wallet)
  const seen = await started.browser.get(back)
  return { ...started, order: new URL(back).pathname, done: seen.location ? await started.browser.get(seen.location) : seen }
}

/** Public lists of hostile input are read where YIMEN_REAL_DATA points; they are not part of this repository. */
export function findList<T>(name: string): T | undefined {
  const dir = process.env.YIMEN_REAL_DATA
  return dir ? (JSON.parse(readFileSync(join(dir, 'payloads', name), 'utf8')) as T) : undefined
}

/** A caller of its own to the rate limits, which count by address behind a proxy on this machine. */
export const fromAddress = (n: number): Record<string, string> => ({ 'x-forwarded-for': `10.9.${(n >> 8) & 255}.${n & 255}` })

/** What differs from request to request in an honest answer: ids, tokens and the path that was asked for. */
export const comparable = (text: string, path: string): string =>
  text
    .replaceAll(encodeURIComponent(path), 'PATH')
    .replaceAll(path, 'PATH')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, 'ID')
    .replace(/value="[^"]*"/g, '')

export const csrfOf = (page: Page): string => /name="csrf" value="([^"]*)"/.exec(page.text)![1]!

/** A browser that has a token, and the token. */
export async function visitor(url: string, headers: Record<string, string> = {}): Promise<{ browser: Plain; csrf: string }> {
  const browser = plainBrowser(url, undefined, headers)
  return { browser, csrf: csrfOf(await browser.get('/prefs')) }
}

export interface Desk {
  readonly id: string
  readonly username: string
  readonly password: string
  readonly browser: Plain
  readonly csrf: string
  /** Code of the authenticator so many steps of thirty seconds from now; each counts once. */
  code(step?: number): string
}

export interface Inbox {
  /** Codes sent to a number, oldest first. */
  codes(phone: string): Promise<string[]>
  count(): Promise<number>
}

/** A gateway for text messages beside the product: the stand-in process behind the real adapter. */
export async function withMessages<T>(product: Product, work: (inbox: Inbox) => Promise<T>): Promise<T> {
  const { sms } = await startSandbox(['sms'], { keysDir: join(product.kernel.config.dataDir, 'sandbox') })
  useMessenger(product.kernel, 'sms', smsGateway(sms.config as unknown as SmsConfig, systemClock))
  const list = async (query: string): Promise<{ params: { code: string } }[]> =>
    (await (await fetch(`${sms.url}/_control/messages${query}`)).json()).messages
  try {
    return await work({
      codes: async phone => (await list(`?to=${phone}`)).map(message => message.params.code).reverse(),
      count: async () => (await list('')).length,
    })
  } finally {
    await sms.stop()
  }
}

let desks = 0

/** A new account of the role, signed in at the desk with password and authenticator over the pages. */
export async function signInAs(product: Product, role: Role, billerId = 'water'): Promise<Desk> {
  const { kernel } = product
  const n = ++desks
  const username = `${role}-${n}`
  const made = await createStaff(product.ctx, { username, name: `测试${n}`, role, billerId })
  if (!made.ok) throw new Error(made.error.code)
  const { id, password = '', totpSecret } = made.value
  const code = (step = 0) => totpCode(totpSecret, new Date(kernel.clock.now().getTime() + step * 30_000))
  const { browser, csrf } = await visitor(product.url)
  const address = fromAddress(20_000 + n)
  await browser.post('/staff/sign-in', { csrf, username, password }, address)
  // The step before, so that the present one is left for what is asked afterwards. It ends while a busy machine still looks at it: then once more.
  const enter = () => browser.post('/staff/second-factor', { csrf, code: code(-1) }, address)
  const first = await enter()
  const entered = first.status === 303 ? first : await enter()
  if (entered.status !== 303) throw new Error(`no sign-in as ${role}: ${entered.status}`)
  return { id, username, password, browser, csrf, code }
}

let visitors = 0

/** Somebody who signs in with the code of a text message, over the pages. */
export async function signedIn(
  product: Product,
  inbox: Inbox,
  phone: string,
  browser = plainBrowser(product.url, undefined, fromAddress(40_000 + ++visitors)),
): Promise<Plain> {
  const asked = await browser.submit(await browser.get('/sign-in'), '/sign-in', { phone })
  const code = await until('the code', async () => (await inbox.codes(phone)).at(-1))
  const entered = await browser.submit(asked, '/sign-in/code', { code })
  if (entered.status !== 303) throw new Error(`no sign-in: ${entered.status}`)
  return browser
}
