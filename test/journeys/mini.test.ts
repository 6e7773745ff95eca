import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import type { WechatConfig } from '#modules/payments/index.ts'
import { BRIDGE_SCRIPT } from '../../sandbox/wechat/bridge.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks } from '../abuse/support.ts'
import { phone } from '../support/browser.ts'
import { plainBrowser } from '../support/form.ts'
import { type Around, filesOf, MINI, startShell } from '../support/mini.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const AGENT =
  'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.60 WeChat/arm64 NetType/WIFI Language/zh_CN miniProgram/wx0'

const around = (product: Product, more: Partial<Around> = {}): Around => ({
  home: product.url,
  wechat: product.sandbox.wechat.url,
  ...more,
})

/** The web view of the shell: a real browser in which a page can ask for nothing but a page of the shell. */
async function openWebView() {
  const context = await browser.newContext({ ...phone, userAgent: AGENT, locale: 'zh-CN' })
  const asked: string[] = []
  await context.exposeFunction('miniApp', async ({ name, arg }: { name: string; arg: { url: string } }) => {
    assert.equal(name, 'navigateTo')
    asked.push(arg.url)
  })
  await context.addInitScript(BRIDGE_SCRIPT)
  const page = await context.newPage()
  const next = async (): Promise<string> => {
    for (let i = 0; i < 100 && asked.length === 0; i++) await page.waitForTimeout(100)
    assert.ok(asked[0], 'the page never asked the shell for anything')
    return asked.shift()!
  }
  return { context, page, asked, next }
}

/** The wallet's parameters as the app checks them: signed by the merchant, for the mini programme. */
function isSigned(product: Product, { timeStamp, nonceStr, package: bundle, signType, paySign }: Record<string, string>): boolean {
  const config = product.sandbox.wechat.config as unknown as WechatConfig
  const message = `${config.mini!.appid}\n${timeStamp}\n${nonceStr}\n${bundle}\n`
  const key = createPublicKey(config.merchantPrivateKeyPem)
  return signType === 'RSA' && verify('RSA-SHA256', Buffer.from(message), key, Buffer.from(paySign!, 'base64'))
}

test('scan, the bill in the web view, pay in the shell, receipt: the scan button, the pay button, the wallet', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const bill = await product.issueBill(13_195)
    const world = around(product, { scanned: `${product.url}/b/${bill}`, answer: 'cancel' })
    const shell = startShell(world)
    const first = await shell.open('/pages/index/index')
    first.onScan()
    const web = await shell.open(shell.went.at(-1)!)
    const src = String(web.data.src)
    assert.ok(src.startsWith(`${product.url}/mini/enter?t=`))
    assert.ok(!/o[\w-]{27}/.test(src.split('t=')[1]!.slice(0, 30)) && !src.includes('openid'), 'the openid stays with the server')
    const { context, page, next } = await openWebView()
    try {
      await page.goto(src)
      assert.equal(new URL(page.url()).pathname, `/b/${bill}`)
      await page.locator('.paybar button').tap()
      const asked = await next()
      assert.match(asked, /^\/pages\/pay\/pay\?order=[0-9a-z]{26}$/)
      const pay = await shell.open(asked)
      assert.deepEqual([pay.data.amount, pay.data.notice], ['131.95', '您没有付，没有扣钱。'])
      assert.ok(isSigned(product, shell.paid[0]!))
      assert.equal(isSigned(product, { ...shell.paid[0]!, package: 'prepay_id=wx0' }), false)
      world.answer = 'pay'
      await pay.onPay()
      assert.equal(shell.went.length, 2, 'the wallet said paid: away to the result')
      const result = await shell.open(shell.went.at(-1)!)
      await page.goto(String(result.data.src))
      await page.locator('text=/YM-\\d{8}-\\d{6}/').first().waitFor()
      const over = await shell.open(asked)
      assert.deepEqual([over.data.canPay, over.data.notice], [false, '这笔已经付过或者已经取消。'])
    } finally {
      await context.close()
    }
    const { rows } = await queryIn(product.kernel, 'select product, state from payments.attempt_state')
    assert.deepEqual(rows, [{ product: 'mini', state: 5 }])
    assert.deepEqual(await faultsInBooks(product), [])
  }),
)

test('without a ticket the bill opens all the same and is paid by a code', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const bill = await product.issueBill()
    const shell = startShell(around(product, { isOffline: true, lang: 'en' }))
    const web = await shell.open(`/pages/web/web?path=${encodeURIComponent(`/b/${bill}`)}`)
    assert.equal(web.data.src, `${product.url}/b/${bill}`)
    const pay = await shell.open('/pages/pay/pay?order=00000000000000000000000000')
    assert.match(String(pay.data.notice), /No connection; nothing was charged/)
    const { context, page } = await openWebView()
    try {
      await page.goto(String(web.data.src))
      await page.locator('.paybar button').tap()
      await page.locator('.qr-card').waitFor()
    } finally {
      await context.close()
    }
    const { rows } = await queryIn(product.kernel, 'select product from payments.attempt')
    assert.deepEqual(rows, [{ product: 'native' }])
  }),
)

test('only codes of our own bills are opened, and only pages of our own', { timeout: 60_000 }, () =>
  withProduct(async product => {
    const bill = '0'.repeat(26)
    const world = around(product)
    const shell = startShell(world)
    const first = await shell.open('/pages/index/index')
    for (const scanned of [
      `https://evil.example/b/${bill}`,
      `${product.url}.evil.example/b/${bill}`,
      `${product.url}@evil.example/b/${bill}`,
      `${product.url}/b/${bill}/../../mine`,
      `${product.url}/b/${bill}?next=//evil.example`,
      `${product.url}/prefs`,
      'weixin://wxpay/bizpayurl?pr=x',
      'javascript:alert(1)',
      '',
    ]) {
      world.scanned = scanned
      first.onScan()
      assert.deepEqual(shell.went, [], scanned)
      assert.match(String(first.data.notice), /不是本处账单上的码/)
    }
    delete (world as { scanned?: string }).scanned
    first.onScan()
    assert.match(String(first.data.notice), /没有扫到码/)
    for (const path of ['//evil.example', '/\\evil.example', 'https://evil.example', '', `/${'a'.repeat(400)}`]) {
      const web = await shell.open(`/pages/web/web?path=${encodeURIComponent(path)}`)
      assert.match(String(web.data.src), new RegExp(`^${product.url}/mini/enter\\?t=[\\w%-]+&next=%2F$`), path)
    }
    const strange = await shell.open('/pages/pay/pay?order=../../mine')
    assert.match(String(strange.data.notice), /已经付过或者已经取消/)
  }),
)

test('a ticket is good for two minutes and only if it is ours; a code of WeChat counts once; orders are shown by their code', {
  timeout: 60_000,
}, () => {
  const clock = manualClock(new Date().toISOString())
  return withProduct(
    async product => {
      const post = (body: object) =>
        fetch(`${product.url}/mini/session`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
      const login = await fetch(`${product.sandbox.wechat.url}/wallet/mini-login`, { method: 'POST' })
      const { code } = (await login.json()) as { code: string }
      const { ticket } = (await (await post({ code })).json()) as { ticket: string }
      assert.equal((await post({ code })).status, 400, 'a code counts once')
      for (const body of [{}, { code: 'x' }, { code: 7 }, { code: '../../x' }]) assert.equal((await post(body)).status, 400)
      const enter = async (t: string, next = '/mine') => {
        const visitor = plainBrowser(product.url)
        const first = await visitor.get(`/mini/enter?t=${encodeURIComponent(t)}&next=${encodeURIComponent(next)}`)
        assert.match(first.location!, /&again=1$/)
        const page = await visitor.get(first.location!)
        return { to: page.location, isKnown: [...visitor.cookies.keys()].some(name => name.includes('mini_payer')) }
      }
      assert.deepEqual(await enter(ticket), { to: '/mine', isKnown: true })
      assert.deepEqual(await enter(ticket, '//evil.example'), { to: '/', isKnown: true })
      for (const forged of ['', 'x', `${ticket.slice(0, -2)}AA`, 'a'.repeat(2_000)])
        assert.deepEqual(await enter(forged), { to: '/mine', isKnown: false })
      clock.advance(121_000)
      assert.deepEqual(await enter(ticket), { to: '/mine', isKnown: false })
      assert.equal((await fetch(`${product.url}/mini/orders/${'0'.repeat(26)}`)).status, 404)
      const bill = await product.issueBill()
      const visitor = plainBrowser(product.url)
      await visitor.submit(await visitor.get(`/b/${bill}`), `/b/${bill}/pay`, { way: 'wechat' })
      const { rows } = await queryIn(product.kernel, 'select code from payments."order"')
      assert.equal(
        (await fetch(`${product.url}/mini/orders/${rows[0].code}`)).status,
        404,
        'an order of another browser is none of the shell',
      )
    },
    { clock },
  )
})

test('the package is whole, small, and holds no secret', () => {
  const app = JSON.parse(readFileSync(join(MINI, 'app.json'), 'utf8')) as { pages: string[] }
  for (const page of app.pages)
    for (const end of ['js', 'wxml', 'json']) assert.ok(existsSync(join(MINI, `${page}.${end}`)), `${page}.${end}`)
  const files = filesOf()
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  assert.ok(bytes < 200 * 1024, `${bytes} bytes`)
  for (const { path } of files) {
    const text = readFileSync(path, 'utf8')
    assert.doesNotMatch(text, /secret|session_key|openid/i, path)
    for (const [, host] of text.matchAll(/https?:\/\/([\w.-]+)/g)) assert.equal(host, 'yimen.example', path)
  }
  const words = readFileSync(join(MINI, 'lib/words.js'), 'utf8')
  const keysOf = (name: string) =>
    [
      ...words
        .split(`const ${name} = {`)[1]!
        .split('\n}')[0]!
        .matchAll(/^ {2}(\w+):/gm),
    ].map(match => match[1])
  assert.deepEqual(keysOf('en'), keysOf('zh'))
})
