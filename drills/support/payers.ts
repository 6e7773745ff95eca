import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '#kernel/random.ts'
import { hiddenFields, type Page, type Plain, plainBrowser } from '../../test/support/form.ts'
import { pause, within } from './product-process.ts'

const REQUEST_MS_MAX = 8_000
const TRIES_MAX = 40
const PAUSE_MS = 60
const RETRY_MS = 400
const REPEATS_AT_ONCE = 4

/** What the outside was promised: by a page with its receipt number, or by a notification that was taken. */
export interface Promises {
  /** Order code to the receipt number its page showed. */
  readonly receipts: Map<string, string>
}

export interface Payers {
  readonly promises: Promises
  /** Visits that met no answer or a failure of the server, as they must while it is killed, by reason. */
  readonly failures: ReadonlyMap<string, number>
  stop(): Promise<void>
}

export interface PayersOptions {
  readonly url: string
  readonly dataDir: string
  readonly codes: readonly string[]
  readonly clients: number
  readonly random: Random
}

/** Somebody with a bill in hand; keeps the same browser through all tries. */
interface Visitor {
  readonly code: string
  readonly browser: Plain
  readonly ip: string
  tries: number
  due_ms: number
}

interface Books {
  trades: { out_trade_no: string; payments: { txn_no: string; amount_fen: number }[]; refunds: { amount_fen: number; status: string }[] }[]
}

/** Where the wallet listens now: a stand-in started anew may have another port. */
export function walletUrl(dataDir: string): string {
  const file = join(dataDir, 'sandbox', 'wechat.json')
  if (!existsSync(file)) throw new Error('no wallet yet')
  return (JSON.parse(readFileSync(file, 'utf8')) as { baseUrl: string }).baseUrl
}

export async function readBooks(dataDir: string): Promise<Books> {
  const answer = await fetch(`${walletUrl(dataDir)}/_control/trades`, { signal: AbortSignal.timeout(REQUEST_MS_MAX) })
  return (await answer.json()) as Books
}

/** Notifications the product answered with success, as the channel wrote down: order number and transaction number. */
export function listTaken(dataDir: string): { outTradeNo: string; txnNo: string }[] {
  return readFileSync(join(dataDir, 'sandbox', 'wechat-journal.jsonl'), 'utf8')
    .split('\n')
    .flatMap(line => {
      const found = /^\{"type":"acknowledged","key":"trade:([^:"]+):([^:"]+)"\}$/.exec(line)
      return found ? [{ outTradeNo: found[1]!, txnNo: found[2]! }] : []
    })
}

const receiptIn = (page: Page): string | undefined => (page.status === 200 ? /YM-\d{8}-\d{6}/.exec(page.text)?.[0] : undefined)

/** The wallet's address as our redirect or our waiting page gives it. */
const walletIn = (page: Page): URL | undefined => {
  const text = page.location ?? /href="(https?:[^"]*\/wallet\/h5[^"]*)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&')
  return text?.includes('/wallet/h5') ? new URL(text) : undefined
}

/** Payers that never give up for a while: each takes the next bill, pays it in the wallet and waits for its receipt. */
export function startPayers(options: PayersOptions): Payers {
  const { url, dataDir, codes, random } = options
  const receipts = new Map<string, string>()
  let isStopping = false
  const failures = new Map<string, number>()
  const waiting: Visitor[] = []
  let next = 0

  const pressPay = async (wallet: URL): Promise<void> => {
    const handle = ['handle', 'prepay', 'prepay_id'].map(name => wallet.searchParams.get(name)).find(Boolean) ?? ''
    const body = new URLSearchParams({ handle, redirect_url: wallet.searchParams.get('redirect_url') ?? '' })
    const answer = await fetch(`${walletUrl(dataDir)}/wallet/pay`, {
      method: 'POST',
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    })
    await answer.arrayBuffer()
  }

  /** One visit from the bill to as far as it comes; true when the receipt is in hand or somebody else paid. */
  const visit = async (browser: Plain, code: string, ip: string): Promise<boolean> => {
    const ask = (path: string) => within(REQUEST_MS_MAX, path, browser.get(path))
    let page = await ask(`/b/${code}`)
    if (page.status >= 500) throw new Error(`status ${page.status}`)
    if (page.status === 200) {
      if (!page.text.includes(`action="/b/${code}/pay"`)) {
        const paid = /href="(\/o\/[0-9a-z]+)"/.exec(page.text)?.[1]
        if (paid) note(paid.slice(3), await ask(paid))
        return true
      }
      const fields = { ...hiddenFields(page.text, `/b/${code}/pay`), way: 'wechat' }
      const post = () => within(REQUEST_MS_MAX, 'pay', browser.post(`/b/${code}/pay`, fields, { 'x-forwarded-for': ip }))
      // Every fifth payer presses twice.
      page = random.int(5) === 0 ? (await Promise.all([post(), post()]))[1]! : await post()
    }
    let order = page.location?.startsWith('/o/') ? page.location.slice(3).split('?')[0]! : undefined
    if (order) page = await ask(`/o/${order}?check=1`)
    const wallet = walletIn(page)
    if (wallet) {
      order ??= /\/o\/([0-9a-z]+)/.exec(wallet.searchParams.get('redirect_url') ?? '')?.[1]
      await pressPay(wallet)
      if (order) page = await ask(`/o/${order}?back=1`)
    }
    return order !== undefined && note(order, page)
  }

  const note = (order: string, page: Page): boolean => {
    const receipt = receiptIn(page)
    if (receipt) receipts.set(order, receipt)
    return receipt !== undefined
  }

  /** A visit put off earlier whose time has come, or a new bill; undefined when there is neither. */
  const takeVisitor = (client: number): Visitor | undefined => {
    const at = waiting.findIndex(visitor => visitor.due_ms <= Date.now())
    if (at >= 0) return waiting.splice(at, 1)[0]
    const turn = next++
    const code = codes[turn]
    // An address for each payer, as a proxy on this machine would report it.
    return code
      ? { code, browser: plainBrowser(url), ip: `10.${client}.${(turn >> 8) & 255}.${turn & 255}`, tries: 0, due_ms: 0 }
      : undefined
  }

  const payer = async (client: number): Promise<void> => {
    while (!isStopping) {
      const visitor = takeVisitor(client)
      if (!visitor) {
        await pause(RETRY_MS)
        continue
      }
      const isDone = await visit(visitor.browser, visitor.code, visitor.ip).catch((error: Error) => {
        const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
        const reason = `${error.message}${cause}`.replaceAll(visitor.code, ':code').replace(/\/o\/\w+/, '/o/:code')
        failures.set(reason, (failures.get(reason) ?? 0) + 1)
        return false
      })
      // An order cut off in the middle waits for the janitor; meanwhile this payer serves others.
      if (!isDone && ++visitor.tries < TRIES_MAX) waiting.push({ ...visitor, due_ms: Date.now() + RETRY_MS * visitor.tries })
      await pause(PAUSE_MS)
    }
  }

  /** The channel says again what it has said before, several at once. */
  const repeater = async (): Promise<void> => {
    while (!isStopping) {
      try {
        const paid = (await readBooks(dataDir)).trades.filter(trade => trade.payments.length > 0).slice(-50)
        await Promise.all(
          Array.from({ length: paid.length > 0 ? REPEATS_AT_ONCE : 0 }, async () => {
            const answer = await fetch(`${walletUrl(dataDir)}/_control/notify_again`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ out_trade_no: paid[random.int(paid.length)]!.out_trade_no }),
              signal: AbortSignal.timeout(REQUEST_MS_MAX),
            })
            await answer.arrayBuffer()
          }),
        )
      } catch {
        // The channel is away while the application is.
      }
      await pause(250)
    }
  }

  const all = Promise.all([...Array.from({ length: options.clients }, (_, client) => payer(client)), repeater()])
  return {
    promises: { receipts },
    failures,
    async stop() {
      isStopping = true
      await within(60_000, 'the payers stop', all)
    },
  }
}
