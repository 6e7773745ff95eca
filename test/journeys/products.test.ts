import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContext, Page as BrowserPage } from 'playwright-core'
import { makeId } from '#kernel/context.ts'
import { queryIn } from '#kernel/db/testing.ts'
import { manualClock, systemClock } from '#kernel/time.ts'
import { type BillerApiConfig, billerApi, checkProducts, usePort } from '#modules/billing/index.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import * as billing from '../../src/modules/billing/store.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, fromAddress, payInWallet, signInAs, until, withMessages } from '../abuse/support.ts'
import { openVisitor } from '../support/browser.ts'
import { type Plain, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const ACCOUNT_NO = 'T31579972GG'
const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

interface Home {
  readonly product: Product
  readonly clock: ReturnType<typeof manualClock>
  readonly mother: Plain
  readonly accountId: string
  control(path: string, body: object): Promise<unknown>
  delivered(): Promise<number>
}

async function addTelecom({ kernel, ctx, sandbox }: Product): Promise<string> {
  // The company checks time stamps against the real time.
  usePort(1, 'telecom', billerApi(sandbox.biller.config as unknown as BillerApiConfig, systemClock, 'fen'))
  const accountId = makeId(ctx)
  await kernel.db.tx(1, async tx => {
    const water = (await billing.findBiller(tx, 1, 'water'))!
    const payableAccountId = await ensureAccount(tx, ctx, '2202:telecom')
    const names = { nameZh: '梧桐里通信公司（示例）', nameEn: 'Wutongli Telecom (sample)', serviceZh: '通信费', serviceEn: 'Telecom' }
    const account = { pattern: '^T[0-9]{8}[A-Z][0-9A-Z]$', length: 11, check: 'luhn_mod36', example: ACCOUNT_NO } as const
    const config = { ...water.config, account, products: { amounts: 'fen' } as const }
    const row = { id: 'telecom', ...names, unit: 'month', payableAccountId, isOnline: true, config }
    await billing.upsertBiller(tx, 1, row, kernel.clock.now())
  })
  await queryIn(
    kernel,
    `insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at) values (1, $1, 'telecom', $2, '王**', '青砖一村***', false, $3)`,
    [accountId, ACCOUNT_NO, kernel.clock.now()],
  )
  return accountId
}

/** A resident who signed in by the code of a text message and keeps a telecom account as its holder. */
const atHome = (work: (home: Home) => Promise<void>) => {
  const clock = manualClock(new Date().toISOString())
  return withProduct(
    product =>
      withMessages(product, async inbox => {
        const accountId = await addTelecom(product)
        const mother = plainBrowser(product.url, undefined, fromAddress(80_000))
        const asked = await mother.submit(await mother.get('/sign-in'), '/sign-in', { phone: '13800001111' })
        const code = await until('the code', async () => (await inbox.codes('13800001111')).at(-1))
        assert.equal((await mother.submit(asked, '/sign-in/code', { code })).status, 303)
        const form = await mother.get('/mine/households/new')
        await mother.submit(form, '/mine/households', { biller: 'telecom', account: ACCOUNT_NO, relation: 'owner', nickname: '' })
        const { url } = product.sandbox.biller
        await work({
          ...{ product, clock, mother, accountId },
          control: (path, body) =>
            fetch(`${url}/_control/${path}`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify(body),
            }),
          delivered: async () =>
            ((await (await fetch(`${url}/_control/product-orders`)).json()) as { delivered: string[] }).delivered.length,
        })
      }),
    { clock },
  )
}

const carry = (to: BrowserContext, from: Plain, url: string) =>
  to.addCookies([...from.cookies].map(([name, value]) => ({ name, value, url })))

async function isClean(page: BrowserPage, where: string): Promise<void> {
  assert.deepEqual(await axeOn(page), [], where)
}

const M = 60_000
const soundOf = async ({ product }: Home) => [
  ...(await faultsInBooks(product)),
  ...(await checkProducts(product.kernel.db, 1)).filter(check => check.ok === false),
]

for (const script of [true, false])
  test(
    `a pack is ordered and paid in four taps from one's own page, told after ten minutes, done${script ? '' : ', without script'}`,
    { timeout: 120_000 },
    () =>
      atHome(async home => {
        const { product, mother, clock, delivered } = home
        const visitor = await openVisitor(browser, { script })
        try {
          const { page, tap } = visitor
          await carry(visitor.context, mother, product.url)
          await page.goto(`${product.url}/mine`)
          await tap('text=套餐和业务')
          assert.match(textOf(await page.content()), /20GB流量包 ¥20\.00 用30天/)
          await tap('text=20GB流量包')
          const shown = textOf(await page.content())
          assert.match(shown, /20GB流量包[\s\S]*20\.00[\s\S]*用多久 30天[\s\S]*条款全文[\s\S]*到期自动结束[\s\S]*10分钟后才通知公司/)
          assert.equal(await page.locator('#consent').isChecked(), false, 'nobody ticked it')
          await page.locator('#consent').tap()
          await tap('text=同意并支付')
          assert.equal(visitor.taps() + 1, 4)
          await visitor.payInWallet()
          await page.waitForURL(/\/o\//)
          await until('the receipt', async () => {
            await page.reload()
            return /YM-\d{8}-000001/.test(await page.content())
          })
          assert.match(textOf(await page.content()), /后通知梧桐里通信公司（示例）办理，之前可以撤销/)
          assert.match(textOf(await page.content()), /通信费[\s\S]*20GB流量包/)
          assert.equal(await delivered(), 0)
          clock.advance(11 * M)
          await until('the company to be told', async () => (await delivered()) === 1)
          await tap('text=看办理进度')
          assert.match(textOf(await page.content()), /已办好[\s\S]*您同意的内容[\s\S]*到期自动结束/)
          assert.deepEqual(await soundOf(home), [])
        } finally {
          await visitor.close()
        }
      }),
  )

/** Orders by forms alone; answers where it leads. */
async function order({ mother, accountId }: Home, code: string, fields: Record<string, string> = {}) {
  const at = `/mine/products/${accountId}/${code}`
  return mother.submit(await mother.get(at), at, { consent: 'yes', way: 'wechat', ...fields })
}

test('without consent nothing is ordered; what costs nothing is held, taken back, ordered again, told', { timeout: 120_000 }, () =>
  atHome(async home => {
    const { mother, clock, accountId, delivered } = home
    const without = await order(home, 'PLAN29', { consent: '' })
    assert.equal(without.status, 422)
    assert.match(textOf(without.text), /勾选同意，才能办理/)
    const first = await order(home, 'PLAN29')
    assert.match(first.location!, /^\/mine\/orderings\//)
    const held = await mother.get(first.location!)
    assert.match(textOf(held.text), /等着通知公司[\s\S]*撤销办理/)
    const twice = await order(home, 'PLAN59')
    assert.equal(twice.status, 422)
    assert.match(textOf(twice.text), /已经在办同样的业务[\s\S]*没有扣钱/)
    assert.equal((await mother.submit(held, `${first.location}/undo`, {})).status, 303)
    assert.match(textOf((await mother.get(first.location!)).text), /已撤销[\s\S]*公司没有收到过/)
    const second = await order(home, 'PLAN59')
    clock.advance(11 * M)
    await until('the company to be told', async () => (await delivered()) === 1)
    const done = textOf((await mother.get(second.location!)).text)
    assert.match(done, /已办好[\s\S]*每月59元，在每月账单里收/)
    assert.match(textOf((await mother.get(`/mine/households/${accountId}`)).text), /套餐和业务/)
    assert.deepEqual(await soundOf(home), [])
  }),
)

test('refused, the money goes back by itself; the desk sees the order and the console counts it', { timeout: 120_000 }, () =>
  atHome(async home => {
    const { product, mother, clock, control } = home
    await control('faults', { reject: 1 })
    const paying = await order(home, 'DATA20')
    const back = await payInWallet(paying.location!)
    const paid = await until('the receipt', async () => {
      const page = await mother.get(new URL(back).pathname)
      return /YM-\d{8}/.test(page.text) && page
    })
    const clerk = await signInAs(product, 'clerk')
    const { rows } = await queryIn(product.kernel, 'select id, code from payments."order"')
    const seen = textOf((await clerk.browser.get(`/staff/orders/${rows[0].id}`)).text)
    assert.match(seen, /通信费 20GB流量包/)
    assert.match(seen, /同意办理业务/)
    assert.ok(!seen.includes('/staff/bills/'))
    assert.match(textOf((await clerk.browser.get(`/staff/search?q=${rows[0].code}`)).text), /20GB流量包/)
    const manager = await signInAs(product, 'manager')
    assert.match(textOf((await manager.browser.get('/staff/console')).text), /20\.00/)
    clock.advance(11 * M)
    await until('the refund', async () => {
      // The channel is asked again after a while.
      clock.advance(M)
      const { rows: orders } = await queryIn(product.kernel, 'select refunded_fen as fen from payments."order"')
      return Number(orders[0].fen) === 2_000
    })
    assert.match(textOf((await mother.get('/mine/products')).text), /20GB流量包[\s\S]*公司没有办/)
    assert.match(textOf((await mother.get(new URL(back).pathname)).text), /退/)
    assert.match(textOf((await mother.get('/mine/payments')).text), /20GB流量包/)
    assert.ok(paid)
    assert.deepEqual(await soundOf(home), [])
  }),
)

test('the company away, a stranger, nobody signed in, an account of another, a form from elsewhere', { timeout: 120_000 }, () =>
  atHome(async home => {
    const { product, mother, accountId, control } = home
    const ordered = await order(home, 'PLAN29')
    const stranger = plainBrowser(product.url, undefined, fromAddress(80_001))
    assert.match(textOf((await stranger.get('/mine/products')).text), /请先用手机号登录/)
    for (const path of [`/mine/products/${accountId}`, `/mine/products/${accountId}/DATA20`, ordered.location!])
      assert.match((await stranger.get(path)).location!, /^\/sign-in\?next=/)
    for (const path of ['/mine/products/x', '/mine/products/01900000-0000-7000-8000-000000000000', `/mine/products/${accountId}/NONE`])
      assert.equal((await mother.get(path)).status, 404, path)
    assert.equal((await mother.get('/mine/orderings/none')).status, 404)
    assert.equal((await mother.post(`/mine/products/${accountId}/DATA20`, { consent: 'yes', way: 'wechat' })).status, 403)
    const changed = await order(home, 'DATA20', { quote: 'x.y' })
    assert.equal(changed.status, 422)
    assert.match(textOf(changed.text), /价格或条款可能变了/)
    await control('faults', { drop: 1 })
    const away = await mother.get(`/mine/products/${accountId}`)
    assert.match(textOf(away.text), /暂时问不到梧桐里通信公司（示例）[\s\S]*没有扣钱/)
    assert.equal((await mother.get(`/mine/products/${accountId}/DATA20`)).location, `/mine/products/${accountId}`)
  }),
)

test('in elder mode nothing is offered on the first pages, and everything is within reach', { timeout: 120_000 }, () =>
  atHome(async home => {
    const { mother, accountId } = home
    mother.cookies.set('yimen_elder', 'elder')
    for (const path of ['/', '/mine']) assert.doesNotMatch((await mother.get(path)).text, /套餐|流量包/, path)
    assert.match((await mother.get(`/mine/households/${accountId}`)).text, /套餐和业务/)
    await order(home, 'PLAN29')
    assert.match(textOf((await mother.get('/mine')).text), /套餐和业务 看办理进度/)
  }),
)

test('inside WeChat the wallet opens in the page, after WeChat said who pays', { timeout: 120_000 }, () =>
  atHome(async home => {
    const { product, mother, accountId } = home
    const visitor = await openVisitor(browser, { wechat: { url: product.sandbox.wechat.url } })
    try {
      const { page } = visitor
      await carry(visitor.context, mother, product.url)
      await page.goto(`${product.url}/mine/products/${accountId}/DATA20`)
      await page.locator('#consent').tap()
      await page.locator('text=同意并支付').tap()
      await page.waitForSelector('text=/YM-\\d{8}/', { timeout: 20_000 })
      const { rows } = await queryIn(product.kernel, 'select product from payments.attempt')
      assert.deepEqual(rows, [{ product: 'jsapi' }])
    } finally {
      await visitor.close()
    }
  }),
)

test('axe finds nothing on any of its pages, in both languages and two sizes', { timeout: 240_000 }, () =>
  atHome(async home => {
    const { product, mother, accountId } = home
    const { location } = await order(home, 'PLAN29')
    const paths = [
      '/mine/products',
      `/mine/products/${accountId}`,
      `/mine/products/${accountId}/DATA20`,
      `/mine/products/${accountId}/PLAN59`,
      location!,
    ]
    for (const lang of ['zh-CN', 'en'] as const)
      for (const elder of ['', 'elder']) {
        const visitor = await openVisitor(browser, { lang })
        try {
          await carry(visitor.context, mother, product.url)
          await visitor.context.addCookies([
            { name: 'yimen_lang', value: lang, url: product.url },
            ...(elder ? [{ name: 'yimen_elder', value: elder, url: product.url }] : []),
          ])
          for (const path of paths) {
            await visitor.page.goto(product.url + path)
            await isClean(visitor.page, `${path} ${lang} ${elder}`)
            const wide = await visitor.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
            assert.equal(wide, 0, `${path} ${lang} ${elder} fits 360 px`)
            if (process.env.SHOTS)
              await visitor.page.screenshot({ path: `${process.env.SHOTS}/${paths.indexOf(path)}-${lang}-${elder}.png`, fullPage: true })
          }
        } finally {
          await visitor.close()
        }
      }
  }),
)
