import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { totpCode } from '../test/support/totp.ts'
import { root } from './root.ts'

/**
 * Takes the pictures of the documents: starts the product with a small town of its own, pays a bill as a resident would, signs
 * in as a clerk, and photographs what they see. `yimen dev pictures`.
 */
const PHONE = { width: 390, height: 844 }
const DESK = { width: 1280, height: 800 }
const KIOSK = { width: 1080, height: 1920 }
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync']
const START_MS_MAX = 120_000

interface Account {
  readonly username: string
  readonly password: string
  readonly secret: string
}

interface Product {
  readonly base: string
  readonly bill: string
  readonly clerk: Account
  readonly manager: Account
  stop(): Promise<void>
}

/** Starts the product and reads the addresses and accounts it prints. */
async function startProduct(): Promise<Product> {
  const data = mkdtempSync(join(tmpdir(), 'yimen-pictures-'))
  const child: ChildProcess = spawn(process.execPath, [join(root, 'bin/yimen.mjs'), 'up'], {
    cwd: root,
    env: { ...process.env, PORT: '0', YIMEN_DATA: data, YIMEN_SEED: 'small' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    rmSync(data, { recursive: true, force: true })
  }
  let printed = ''
  const until = Date.now() + START_MS_MAX
  child.stdout!.on('data', chunk => (printed += chunk))
  for (;;) {
    const base = /^ready (http\S+?)\/?$/m.exec(printed)?.[1]
    const bill = /(http\S+\/b\/\w+)/.exec(printed)?.[1]
    const [clerk, manager] = ['clerk', 'manager'].map(username => {
      const [, password, secret] = new RegExp(`staff ${username} +password (\\S+) +authenticator (\\S+)`).exec(printed) ?? []
      return password && secret ? { username, password, secret } : undefined
    })
    if (base && bill && clerk && manager) return { base, bill, clerk, manager, stop }
    if (child.exitCode !== null || Date.now() > until) {
      await stop()
      throw new Error(`the product did not start:\n${printed}`)
    }
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

const dir = join(root, 'docs/pictures')

async function shoot(page: Page, name: string): Promise<void> {
  await page.waitForLoadState('networkidle')
  const path = join(dir, `${name}.png`)
  await page.screenshot({ path })
  process.stdout.write(`${path}\n`)
}

const AGENT = 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'

const open = (browser: Browser, viewport: typeof PHONE, scale: number): Promise<BrowserContext> =>
  browser.newContext({
    viewport,
    deviceScaleFactor: scale,
    ...(viewport === PHONE && { userAgent: AGENT }),
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    reducedMotion: 'reduce',
  })

const press = (page: Page, selector: string) => Promise.all([page.waitForEvent('domcontentloaded'), page.locator(selector).first().click()])

/** From the code to the receipt; answers the number on the receipt, for the clerk to look for. */
async function resident(browser: Browser, { base, bill }: Product): Promise<string> {
  const context = await open(browser, PHONE, 2)
  const page = await context.newPage()
  await page.goto(base)
  await shoot(page, 'home')
  // The switch every page carries: a form, so that it works without scripts.
  await press(page, 'form[action="/prefs"] [name="elder"]')
  await shoot(page, 'home-elder')
  await page.goto(bill)
  await shoot(page, 'bill-elder')
  await press(page, 'form[action="/prefs"] [name="elder"]')
  await page.goto(bill)
  await shoot(page, 'bill')
  await press(page, 'button[form="pay"]')
  await press(page, 'button[value="pay"]')
  await page.waitForURL(/\/o\/\w+/)
  // The page comes again by itself when the proof is there.
  await page.getByText('已写入公开日志').waitFor()
  await shoot(page, 'done')
  const name = (await (await page.request.get(`${page.url().split('?')[0]}/receipt.json`)).headers())['content-disposition'] ?? ''
  await context.close()
  return /filename="(.+?)\.json"/.exec(name)?.[1] ?? ''
}

/** The desk, signed in. */
async function desk(
  browser: Browser,
  base: string,
  { username, password, secret }: Account,
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await open(browser, DESK, 1.5)
  const page = await context.newPage()
  await page.goto(`${base}/staff/sign-in`)
  await page.fill('main input[name="username"]', username)
  await page.fill('main input[name="password"]', password)
  await press(page, 'main form button')
  await page.fill('main input[name="code"]', totpCode(secret, new Date()))
  await press(page, 'main form button')
  return { context, page }
}

/** A machine joins with the manager's code and stands at its first screen. */
async function kiosk(browser: Browser, { base, manager }: Product): Promise<void> {
  const { context: office, page: list } = await desk(browser, base, manager)
  await list.goto(`${base}/staff/devices`)
  await list.fill('main input[name="title"]', '1号机')
  await press(list, 'form[action="/staff/devices"] button')
  const code = ((await list.textContent('.pane .code')) ?? '').replace(/\s/g, '')
  await list.goto(`${base}/staff/console`)
  await shoot(list, 'desk-today')
  await office.close()
  const context = await open(browser, KIOSK, 0.5)
  const page = await context.newPage()
  await page.goto(`${base}/kiosk/enrol`)
  await page.fill('#code', code)
  await press(page, '#enrol .btn--big')
  await page.locator('.kiosk--start').waitFor()
  const path = join(dir, 'kiosk.png')
  // Its stream of news stays open: the network is never idle.
  await page.screenshot({ path })
  process.stdout.write(`${path}\n`)
  await context.close()
}

async function clerk(browser: Browser, { base, bill, clerk }: Product, receiptNo: string): Promise<void> {
  const { context, page } = await desk(browser, base, clerk)
  await page.fill('input[name="q"]', receiptNo)
  await press(page, 'form.search button')
  await press(page, 'main a[href^="/staff/orders/"]')
  await shoot(page, 'desk-order')
  const bills = await (await page.request.get(`${base}/demo/bills`)).text()
  const code = [...bills.matchAll(/\/b\/(\w{26})/g)].map(found => found[1]!).find(found => !bill.endsWith(found))
  await page.goto(`${base}/staff/cash`)
  await page.fill('input[name="drawer"]', 'A1')
  await press(page, 'main form button')
  await page.goto(`${base}/staff/cash?q=${code}`)
  await page.fill('input[name="tendered"]', '500')
  await shoot(page, 'window-cash')
  await context.close()
}

async function takePictures(): Promise<number> {
  mkdirSync(dir, { recursive: true })
  const product = await startProduct()
  const browser = await chromium.launch({ executablePath: process.env.YIMEN_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
  try {
    await clerk(browser, product, await resident(browser, product))
    await kiosk(browser, product)
    return 0
  } finally {
    await browser.close()
    await product.stop()
  }
}

process.exitCode = await takePictures()
