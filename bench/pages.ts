import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openVisitor, type Visitor, type Weight, weigh } from '../test/support/browser.ts'
import { openBrowser } from '../web/test/browser.ts'

/** What a first visit with an empty cache may cost on a telephone. */
const GZIP_BYTES_MAX = 15 * 1024
const REQUESTS_MAX = 4
const READY_MS_MAX = 180_000

const root = fileURLToPath(new URL('..', import.meta.url))

interface Running {
  readonly url: string
  /** Path of a bill to pay. */
  readonly bill: string
  stop(): Promise<void>
}

/** The product as `yimen up` starts it, with the small town, in a folder of its own. */
async function startProduct(): Promise<Running> {
  const dataDir = mkdtempSync(join(tmpdir(), 'yimen-pages-'))
  const env = { ...process.env, PORT: '0', YIMEN_DATA: dataDir, YIMEN_SEED: 'small', YIMEN_LOG: 'error', DATABASE_URL: '' }
  const child = spawn(process.execPath, ['--import', './tools/tsx.mjs', 'src/app/cli.ts', 'up'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    await ended(child)
    rmSync(dataDir, { recursive: true, force: true })
  }
  const timer = setTimeout(() => child.kill('SIGTERM'), READY_MS_MAX)
  let url = ''
  for await (const line of createInterface({ input: child.stdout! })) {
    url = /^ready (http\S+?)\/$/.exec(line)?.[1] ?? url
    const bill = /a bill to pay\s+http:\/\/[^/]+(\/b\/\S+)/.exec(line)?.[1]
    if (!url || !bill) continue
    clearTimeout(timer)
    child.stdout!.resume()
    return { url, bill, stop }
  }
  await stop()
  throw new Error('the product did not come up')
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve()
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

/** Pays the bill, so that there is a receipt and a row among the payments; answers the path of the order. */
async function payOne(visitor: Visitor, { url, bill }: Running): Promise<string> {
  await visitor.page.goto(url + bill)
  await visitor.tap('button[form="pay"]')
  await visitor.payInWallet()
  const { pathname } = new URL(visitor.page.url())
  if (!pathname.startsWith('/o/')) throw new Error(`paying ended at ${pathname}`)
  return pathname
}

const product = await startProduct()
const browser = await openBrowser()
const pages: Record<string, Weight> = {}
const tooHeavy: string[] = []
try {
  // The bill is weighed before it is paid: afterwards its address shows another page.
  const note = async (name: string, path: string, visitor?: Visitor) => {
    const { status, ...weight } = await weigh(browser, product.url + path, visitor && { cookies: visitor.context })
    if (status !== 200) throw new Error(`${name} answered ${status}`)
    pages[name] = weight
    const isHeavy = weight.gzip_bytes > GZIP_BYTES_MAX || weight.requests > REQUESTS_MAX
    if (isHeavy) tooHeavy.push(name)
    process.stdout.write(
      `${name.padEnd(28)} ${String(weight.gzip_bytes).padStart(6)} bytes  ${weight.requests} requests${isHeavy ? '  TOO HEAVY' : ''}\n`,
    )
  }
  process.stdout.write('bytes of bodies as transferred where compressed, else after gzip level 9; 360 px, empty cache\n')
  await note('/', '/')
  await note('/b/<code>', product.bill)
  const visitor = await openVisitor(browser)
  const order = await payOne(visitor, product)
  await note('/o/<order>', order, visitor)
  for (const path of ['/pay', '/pay/account?biller=water', '/verify', '/mine', '/mine/payments', '/mine/households'])
    await note(path, path, visitor)
  for (const path of ['/prices', '/help', '/accessibility', '/sign-in']) await note(path, path)
  await visitor.close()
} finally {
  await browser.close()
  await product.stop()
}
process.stdout.write(`${JSON.stringify({ name: 'pages', pages })}\n`)
process.exit(tooHeavy.length > 0 ? 1 : 0)
