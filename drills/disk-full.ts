import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { newCode } from '#kernel/id.ts'
import { systemRandom } from '#kernel/random.ts'
import { hiddenFields } from '../test/support/form.ts'
import { issueBills, withDatabase } from './support/audit.ts'
import { conclude, expect, runDrill, say, watcher } from './support/harness.ts'
import { type Payers, startPayers } from './support/payers.ts'
import { type ProductProcess, pause, until } from './support/product-process.ts'

/**
 * Fills the disk of the database while people pay: reading goes on, writing is refused within two seconds with words that
 * are true about the money, and everything recovers by itself once there is room. Needs a mount of its own (root).
 */
const DISK = '768m'
const BILLS = 3_000
const OWN_BILLS = 40
const FULL_MS = 12_000
const RECOVER_MS_MAX = 60_000
const ANSWER_MS_MAX = 2_000
const random = systemRandom()

const mount = (...args: string[]): boolean => spawnSync('/bin/mount', args, { stdio: 'ignore' }).status === 0

/** Writes until not one byte more fits. */
function fill(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (let size = 2 ** 20; size >= 1; size = Math.floor(size / 16)) {
      const block = Buffer.alloc(size)
      try {
        for (;;) if (writeSync(file, block) < size) break
      } catch {
        // Smaller pieces may still fit.
      }
    }
  } finally {
    closeSync(file)
  }
}

type Person = ReturnType<typeof watcher>

/** The form of a bill, filled in as its page made it. */
async function formOf(person: Person, code: string): Promise<Record<string, string>> {
  const page = await person.get(`/b/${code}`)
  expect(`the page of a bill answers (${page.ms} ms)`, page.status === 200 && page.ms < ANSWER_MS_MAX, page)
  return { ...hiddenFields(page.text, `/b/${code}/pay`), way: 'wechat' }
}

/** Opens an order and stops at the wallet's door; answers the order and the wallet's address. */
async function goToWallet(person: Person, code: string): Promise<{ order: string; wallet: URL }> {
  const page = await person.post(`/b/${code}/pay`, await formOf(person, code))
  const wallet = new URL(page.location ?? 'http://none/')
  const order = /\/o\/([0-9a-z]+)/.exec(wallet.searchParams.get('redirect_url') ?? '')?.[1]
  expect('a payment can be begun', order !== undefined, page)
  return { order: order!, wallet }
}

async function payInWallet(wallet: URL): Promise<void> {
  const handle = ['handle', 'prepay', 'prepay_id'].map(name => wallet.searchParams.get(name)).find(Boolean) ?? ''
  const body = new URLSearchParams({ handle, redirect_url: wallet.searchParams.get('redirect_url') ?? '' })
  await fetch(`${wallet.origin}/wallet/pay`, { method: 'POST', body, redirect: 'manual', signal: AbortSignal.timeout(8_000) })
}

async function checkWhileFull(
  url: string,
  bills: string[],
  held: { order: string; wallet: URL; person: Person },
  receipt: string,
): Promise<void> {
  const deadline = Date.now() + FULL_MS
  const person = watcher(url)
  const english = watcher(url, 'en')
  const [code, englishCode] = [bills.pop()!, bills.pop()!]
  const [form, englishForm] = [await formOf(person, code), await formOf(english, englishCode)]
  const refused = await person.post(`/b/${code}/pay`, form)
  expect(`paying is refused with 503 (${refused.ms} ms)`, refused.status === 503 && refused.ms < ANSWER_MS_MAX, refused)
  expect('it says when to come back', Number(refused.retryAfter) > 0, refused)
  expect('it says that nothing was charged', refused.text.includes('未扣款'), refused.text)
  const words = await english.post(`/b/${englishCode}/pay`, englishForm)
  expect('in English too', words.status === 503 && words.text.includes('No money was taken'), words.text)
  const program = await person.post(`/b/${code}/pay`, form, { accept: 'application/json' })
  expect('a program gets problem details', program.status === 503 && program.type.includes('problem+json'), program)
  expect('with a stable code', program.text.includes('"code":"database.disk_full"'), program.text)
  await payInWallet(held.wallet)
  const back = await held.person.get(`/o/${held.order}?back=1`)
  expect(`who paid meanwhile reads 已扣款，待确认 (${back.ms} ms)`, back.status === 503 && back.text.includes('已扣款，待确认'), back.text)
  let slowest = 0
  let reads = 0
  while (Date.now() < deadline) {
    for (const path of ['/', `/b/${code}`, receipt, '/ready']) {
      const page = await person.get(path)
      slowest = Math.max(slowest, page.ms)
      reads++
      if (page.status !== 200 || page.ms > ANSWER_MS_MAX) expect(`${path} can be read`, false, page)
    }
    await pause(150)
  }
  expect(`${reads} pages were read on the full disk, the slowest in ${slowest} ms`, reads > 10)
}

async function recover(url: string, bills: string[], what: string): Promise<void> {
  const began = Date.now()
  await until(RECOVER_MS_MAX, what, async () => {
    const person = watcher(url)
    const code = bills.at(-1)!
    const page = await person.get(`/b/${code}`)
    if (page.status !== 200) return undefined
    const answer = await person.post(`/b/${code}/pay`, { ...hiddenFields(page.text, `/b/${code}/pay`), way: 'wechat' })
    return answer.status === 303 || undefined
  })
  bills.pop()
  say(`ok   ${what} after ${Date.now() - began} ms`)
}

async function drill(dataDir: string, product: ProductProcess): Promise<boolean> {
  const filler = join(dataDir, 'postgres', 'filler')
  await product.start()
  const all = await withDatabase(dataDir, db => issueBills(db, BILLS))
  const bills = all.splice(0, OWN_BILLS)
  const payers: Payers = startPayers({ url: product.url, dataDir, codes: all, clients: 6, random })
  try {
    await until(30_000, 'receipts under load', () => payers.promises.receipts.size > 20 || undefined)
    const person = watcher(product.url)
    const held = { ...(await goToWallet(person, bills.pop()!)), person }
    const receipt = `/o/${[...payers.promises.receipts.keys()][0]!}`
    say(`${payers.promises.receipts.size} receipts; the disk is filled`)
    fill(filler)
    await pause(300)
    await checkWhileFull(product.url, bills, held, receipt)
    rmSync(filler)
    await recover(product.url, bills, 'payments go on with room again')
    await until(RECOVER_MS_MAX, 'the receipt of who paid meanwhile', async () => {
      const page = await person.get(`/o/${held.order}?check=1`)
      return (page.status === 200 && /YM-\d{8}-\d{6}/.test(page.text)) || undefined
    })
    say('ok   who paid on the full disk has a receipt')
    say('the disk is filled again, its reserve included, until not even the write-ahead log fits')
    for (const end = Date.now() + FULL_MS; Date.now() < end; await pause(100)) fill(filler)
    expect('the product still runs', product.isAlive(), product.output())
    rmSync(filler)
    await recover(product.url, bills, 'payments go on after the last byte was gone')
    await pause(3_000)
  } finally {
    rmSync(filler, { force: true })
    await payers.stop()
  }
  return conclude('disk-full', product, dataDir, payers, {})
}

await runDrill(drill, {
  run_ms_max: 10 * 60_000,
  async prepare(dataDir) {
    const at = join(dataDir, 'postgres')
    mkdirSync(at)
    if (process.platform !== 'linux' || !mount('-t', 'tmpfs', '-o', `size=${DISK},mode=755`, `yimen-${newCode(random).slice(0, 8)}`, at)) {
      process.stdout.write('NOT RUN: a disk of its own cannot be mounted here (needs Linux and root)\n')
      rmSync(dataDir, { recursive: true, force: true })
      process.exit(3)
    }
    return { undo: () => void spawnSync('/bin/umount', [at]) }
  },
})
