import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { addDays, dayOf } from '#kernel/time.ts'
import { registerPerson } from '#modules/identity/index.ts'
import { reconcileStatement, requestRefund } from '#modules/payments/index.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { type Desk, pay, signInAs, visitor } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'
import { wechatStatement } from '../support/statement.ts'
import { totpCode } from '../support/totp.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

/** Presses a button and waits for the next document. */
const press = (page: Page, selector: string) => Promise.all([page.waitForEvent('domcontentloaded'), page.locator(selector).first().click()])

async function openAt(product: Product, desk: Desk, size: { width: number; height: number }, scale = 1, script = true): Promise<Page> {
  const context = await browser.newContext({
    viewport: size,
    deviceScaleFactor: scale,
    javaScriptEnabled: script,
    reducedMotion: 'reduce',
    locale: 'zh-CN',
  })
  context.setDefaultTimeout(10_000)
  await context.addCookies([...desk.browser.cookies].map(([name, value]) => ({ name, value, url: product.url })))
  return context.newPage()
}

interface Place {
  readonly name: string
  /** Brings the page there. */
  open(page: Page): Promise<unknown>
  /** Found on the page when it is the one meant. */
  readonly has: string
}

/** A payment the biller was told of and its payer asks back; answers the order. */
async function askBack(product: Product): Promise<string> {
  const paid = await pay(product, 5_500)
  await paid.browser.get(paid.order)
  const code = paid.order.slice(3)
  const { rows } = await queryIn(product.kernel, 'select id from payments."order" where code = $1', [code])
  await queryIn(product.kernel, 'update billing.posting set state = 3, finished_at = paid_at where order_id = $1', [rows[0].id])
  await queryIn(product.kernel, `update payments."order" set paid_at = paid_at - interval '11 minutes' where code = $1`, [code])
  const asked = await paid.browser.submit(await paid.browser.get(`${paid.order}/wrong`), `${paid.order}/wrong`, {
    reason: 'other',
    note: '付错了',
  })
  assert.equal(asked.status, 303)
  return rows[0].id
}

/** The screens of a cashier who has opened a drawer, taken one payment and asked to void it. */
async function cashPlaces(product: Product, cashier: Desk): Promise<Place[]> {
  const { browser, csrf } = cashier
  assert.equal((await browser.post('/staff/cash/open', { csrf, drawer: 'A1', d10000: '3' })).status, 303)
  const codes = [await product.issueBill(5_250), await product.issueBill(6_000)]
  const { rows } = await queryIn(product.kernel, 'select id from billing.bill where code = any($1) order by amount_fen', [codes])
  const [paid, open] = rows.map((row: { id: string }) => `/staff/cash/bills/${row.id}`) as [string, string]
  const taken = await browser.submit(await browser.get(paid), paid, { tendered: '100' })
  const done = taken.location ?? ''
  const ask = done.replace('/done/', '/void/')
  const at = (name: string, path: string, has: string): Place => ({ name, open: page => page.goto(product.url + path), has })
  return [
    at('cash desk', '/staff/cash', '#scan'),
    at('cash, nothing found', '/staff/cash?q=none', '.empty'),
    at('cash for a bill', open, 'input[name="tendered"]'),
    {
      name: 'cash for a bill with errors',
      open: async page => {
        await page.goto(product.url + open)
        await press(page, 'main form button')
      },
      has: '.errors',
    },
    at('change', done, '.change'),
    at('asking to void', ask, 'input[name="reason"]'),
    at('end of a turn', '/staff/cash/close', 'input[name="d10000"]'),
  ]
}

/** A statement of yesterday with a payment that is none of ours; answers the difference. */
async function stateForeign(product: Product): Promise<string> {
  const day = addDays(dayOf(product.kernel.clock.now()), -1)
  const raw = wechatStatement(day, [{ txnNo: '4200000009202611220000000001', outTradeNo: 'shop-1', amountFen: 990 }])
  const done = await reconcileStatement(product.ctx, { channel: 'wechat', day, file: { name: 'day.csv', pieces: () => [raw] } })
  assert.ok(done.ok)
  const { rows } = await queryIn(product.kernel, 'select id from payments.break')
  return rows[0].id
}

/** Every page behind the sign-in, and the ones on the way to it, in the states that look different. */
async function placesOf(product: Product, clerk: Desk, admin: Desk): Promise<{ clerk: Place[]; admin: Place[]; head: Place[] }> {
  const { url } = product
  const { order } = await pay(product, 4_400)
  const person = await registerPerson(product.ctx, { name: '王小满', phone: '13700000042' })
  assert.ok(person.ok)
  const { rows } = await product.kernel.db.tx(1, tx =>
    tx.client.query(`select id, (select bill_no from billing.bill limit 1) as bill_no from payments."order"`),
  )
  const at = (name: string, path: string, has: string): Place => ({ name, open: page => page.goto(url + path), has })
  const wrong = await askBack(product)
  const foreign = await stateForeign(product)
  const asked = await requestRefund(product.ctx, {
    ...{ orderId: rows[0].id, line: 1, amountFen: 100, cause: 'other', note: '多抄了两吨水', givenFen: 0 },
    idempotencyKey: newCode(product.kernel.random),
  })
  assert.ok(asked.ok, JSON.stringify(asked))
  return {
    head: [
      at('start with requests', '/staff/search', '.banner'),
      at('requests', '/staff/rescues', 'table'),
      at('reconciliation', '/staff/reconciliation', 'a[href^="/staff/breaks/"]'),
      {
        name: 'statement with errors',
        open: async page => {
          await page.goto(`${url}/staff/reconciliation`)
          await press(page, 'form[action="/staff/statements"] button')
        },
        has: '.errors',
      },
      at('settlements', '/staff/settlements', 'main .empty, main table'),
      at('drawer turns', '/staff/cash-turns', 'table'),
      at('asking a part back', `/staff/orders/${rows[0].id}/refund`, 'input[name="cause"]'),
      at('difference', `/staff/breaks/${foreign}`, 'input[name="reason"]'),
      at('request on its order', `/staff/orders/${wrong}`, 'input[name="decision"]'),
      {
        name: 'request with errors',
        open: async page => {
          await page.goto(`${url}/staff/orders/${wrong}`)
          await press(page, 'form[action$="/rescue"] button')
        },
        has: '.errors',
      },
    ],
    clerk: [
      at('start', '/staff/search', 'form.search'),
      at('found', `/staff/search?q=${rows[0].bill_no}`, 'table'),
      at('nothing found', '/staff/search?q=none', '.empty'),
      at('order', `/staff/orders/${rows[0].id}`, '.deskgrid'),
      at('order by its code', `/staff/search?q=${order.slice(3)}`, 'table'),
      at('resident found', `/staff/search?q=13700000042`, 'table'),
      at('resident', `/staff/residents/${person.value.id}`, '.summary'),
      at('own account', '/staff/me', 'input[name="newPassword"]'),
      {
        name: 'own account with errors',
        open: async page => {
          await page.goto(`${url}/staff/me`)
          await press(page, 'form[action="/staff/me/password"] button')
        },
        has: '.errors',
      },
      at('open a drawer', '/staff/cash', 'input[name="drawer"]'),
      at('not allowed', '/staff/accounts', 'h1'),
      at('not there', `/staff/orders/${clerk.id}`, 'h1'),
    ],
    admin: [
      at('accounts', '/staff/accounts', 'form[action$="/decline"]'),
      at('account', `/staff/accounts/${clerk.id}`, 'input[name="role"]'),
      at('new account', '/staff/accounts/new', 'input[name="username"]'),
      {
        name: 'new account with errors',
        open: async page => {
          await page.goto(`${url}/staff/accounts/new`)
          await press(page, 'main form button')
        },
        has: '.errors',
      },
      at('own among accounts', `/staff/accounts/${admin.id}`, 'h1'),
      {
        name: 'account with errors',
        open: async page => {
          await page.goto(`${url}/staff/accounts/${clerk.id}`)
          await press(page, 'form[action$="/role"] button')
        },
        has: '.errors',
      },
      at('sign-in', '/staff/sign-in?notice=enrolled', '.banner'),
      at('second factor', '/staff/second-factor', 'input[name="code"]'),
      at('enrolment', '/staff/enrol', 'input[name="code"]'),
    ],
  }
}

/** A proposal waits, so that the list has something to decide. */
async function proposeSomething(admin: Desk, staffId: string): Promise<void> {
  const answer = await admin.browser.post(`/staff/accounts/${staffId}/reset`, { csrf: admin.csrf, 'why-reset': '手机丢失，已当面核对身份' })
  assert.equal(answer.location, '/staff/accounts?notice=proposed')
}

async function visitAll(
  product: Product,
  size: { width: number; height: number },
  scale: number,
  look: (page: Page, place: string) => Promise<string[]>,
  looks: readonly { lang: string; elder: string }[],
): Promise<string[]> {
  const [clerk, admin] = [await signInAs(product, 'clerk'), await signInAs(product, 'operator-security')]
  await proposeSomething(admin, clerk.id)
  const [head, approver, cashier] = [
    await signInAs(product, 'manager'),
    await signInAs(product, 'approver'),
    await signInAs(product, 'clerk'),
  ]
  const atDrawer = await cashPlaces(product, cashier)
  const places = await placesOf(product, clerk, admin)
  const complaints: string[] = []
  for (const [desk, list] of [
    [clerk, places.clerk],
    [admin, places.admin],
    [head, places.head],
    [
      approver,
      [{ name: 'refunds', open: (page: Page) => page.goto(`${product.url}/staff/refunds`), has: 'form[action^="/staff/refunds/"]' }],
    ],
    [cashier, atDrawer],
  ] as const) {
    const page = await openAt(product, desk, size, scale)
    for (const { lang, elder } of looks) {
      await page.context().addCookies([
        { name: 'yimen_lang', value: lang, url: product.url },
        { name: 'yimen_elder', value: elder, url: product.url },
      ])
      for (const place of list) {
        await place.open(page)
        assert.equal(await page.getAttribute('html', 'lang'), lang)
        assert.ok((await page.locator(place.has).count()) > 0, `${place.name} is not where it should be: ${page.url()}`)
        for (const text of await look(page, place.name)) complaints.push(`${place.name} ${lang} ${elder || 'standard'}: ${text}`)
      }
    }
    await page.context().close()
  }
  return complaints
}

/** Each page in both languages and both modes; the desk has one size, whatever was chosen for resident pages. */
const ALL = [
  { lang: 'zh-CN', elder: '' },
  { lang: 'en', elder: 'elder' },
]
const LANGS = ['zh-CN', 'en'].map(lang => ({ lang, elder: '' }))

test('axe finds nothing on any page of the desk, in both languages and modes', { timeout: 300_000 }, () =>
  withProduct(async product => {
    const complaints = await visitAll(product, { width: 1280, height: 800 }, 1, page => axeOn(page), ALL)
    assert.deepEqual(complaints, [])
  }),
)

for (const [name, size, scale] of [
  ['at 320 px', { width: 320, height: 640 }, 1],
  ['at 200% of a desk of 1280 px', { width: 640, height: 400 }, 2],
] as const) {
  test(`${name} the desk reads without scrolling sideways; tables scroll by themselves`, { timeout: 300_000 }, () =>
    withProduct(async product => {
      const complaints = await visitAll(
        product,
        size,
        scale,
        async page => {
          const wide = await page.evaluate(() => {
            const over = [...document.querySelectorAll<HTMLElement>('body *')].filter(
              e =>
                e.getBoundingClientRect().right > innerWidth + 0.5 &&
                !e.closest('.pane table') &&
                getComputedStyle(e).position !== 'absolute',
            )
            return { px: document.documentElement.scrollWidth - innerWidth, what: over.slice(0, 2).map(e => e.outerHTML.slice(0, 90)) }
          })
          return wide.px > 0 || wide.what.length > 0 ? [`${wide.px} px too wide: ${wide.what.join(' | ')}`] : []
        },
        LANGS,
      )
      assert.deepEqual(complaints, [])
    }),
  )
}

test('two administrators reset a clerk, who enrols and signs in without script', { timeout: 300_000 }, () =>
  withProduct(async product => {
    const [clerk, admin, head] = [
      await signInAs(product, 'clerk'),
      await signInAs(product, 'operator-security'),
      await signInAs(product, 'manager'),
    ]
    const size = { width: 1280, height: 800 }
    const first = await openAt(product, admin, size, 1, false)
    await first.goto(`${product.url}/staff/me`)
    await press(first, 'a[href="/staff/accounts"]')
    await press(first, `a[href="/staff/accounts/${clerk.id}"]`)
    await first.fill('input[name="why-reset"]', '手机丢失')
    await press(first, 'form[action$="/reset"] button')
    assert.equal(await first.locator('form[action$="/approve"]').count(), 0)

    const second = await openAt(product, head, size)
    await second.goto(`${product.url}/staff/accounts`)
    await press(second, 'form[action$="/approve"] button')
    const code = (await second.locator('code').textContent()) ?? ''
    assert.deepEqual(await axeOn(second), [])

    const own = await openAt(product, clerk, size, 1, false)
    await own.goto(`${product.url}/staff/me`)
    assert.match(own.url(), /\/staff\/sign-in/)
    await press(own, 'a[href="/staff/enrol"]')
    await own.fill('main input[name="username"]', clerk.username)
    await own.fill('main input[name="code"]', code)
    await press(own, 'main form button')
    const secret = ((await own.locator('code').textContent()) ?? '').replaceAll(' ', '')
    await own.fill('input[name="newPassword"]', '一句很长的新密码要记得住')
    await own.fill('input[name="totp"]', totpCode(secret, new Date()))
    await press(own, 'main form button')
    assert.equal(await own.locator('.banner').count(), 1)
    await own.fill('main input[name="username"]', clerk.username)
    await own.fill('main input[name="password"]', '一句很长的新密码要记得住')
    await press(own, 'main form button')
    await own.fill('main input[name="code"]', totpCode(secret, new Date(Date.now() + 30_000)))
    await press(own, 'main form button')
    await own.goto(`${product.url}/staff/me`)
    assert.equal(await own.locator('form[action="/staff/me/sessions/end"]').count(), 0, 'all older sign-ins ended with the reset')
    for (const page of [first, second, own]) await page.context().close()
  }),
)

test('two administrators open an account, whoever gets it signs in, and two close it again', { timeout: 300_000 }, () =>
  withProduct(async product => {
    const [first, head] = [await signInAs(product, 'operator-security'), await signInAs(product, 'manager')]
    const propose = (fields: Record<string, string>) =>
      first.browser.post('/staff/accounts/new', {
        csrf: first.csrf,
        name: '新同事',
        username: 'new.one',
        role: 'clerk',
        why: '新入职',
        ...fields,
      })
    for (const [fields, said] of [
      [{ name: ' ' }, '请填姓名'],
      [{ username: 'Ü' }, '用户名要用小写字母'],
      [{ username: first.username }, '这个用户名已有人用'],
      [{ why: '' }, '请写明原因'],
      [{ role: 'king' }, '请选角色'],
      [{ areaCode: '123456789' }, '没有这个区域编码'],
    ] as const)
      assert.ok((await propose(fields)).text.includes(said), said)
    assert.equal(
      (await head.browser.post('/staff/accounts/new', { csrf: head.csrf, name: 'x', username: 'xx', role: 'clerk', why: 'x' })).status,
      403,
    )
    assert.equal((await propose({})).location, '/staff/accounts?notice=proposed')
    const idOf = (text: string, pattern: RegExp) => pattern.exec(text)?.[1] ?? assert.fail(`no ${pattern}`)
    const decide = async (desk: Desk) => {
      const change = idOf((await head.browser.get('/staff/accounts')).text, /staff\/changes\/([0-9a-f-]{36})\/approve/)
      return desk.browser.post(`/staff/changes/${change}/approve`, { csrf: desk.csrf })
    }
    assert.equal((await decide(first)).status, 403, 'not by who proposed it')
    const code = idOf((await decide(head)).text, /<code class="code">([^<]+)</)
    const { browser, csrf } = await visitor(product.url)
    const set = await browser.post('/staff/enrol', { csrf, username: 'new.one', code })
    const secret = idOf(set.text, /<code[^>]*>([A-Z2-7 ]{20,})</).replaceAll(' ', '')
    const password = '一句很长的新密码要记得住'
    const fields = { csrf, username: 'new.one', code, newPassword: password, totp: totpCode(secret, new Date()) }
    assert.equal((await browser.post('/staff/enrol/finish', fields)).location, '/staff/sign-in?notice=enrolled')
    const signIn = () => browser.post('/staff/sign-in', { csrf, username: 'new.one', password })
    assert.equal((await signIn()).status, 303)

    const account = idOf((await first.browser.get('/staff/accounts')).text, /accounts\/([0-9a-f-]{36})">new\.one/)
    const closing = (why: string) => first.browser.post(`/staff/accounts/${account}/close`, { csrf: first.csrf, 'why-close': why })
    assert.equal((await closing(' ')).status, 422)
    assert.equal((await closing('离职')).location, '/staff/accounts?notice=proposed')
    assert.equal((await signIn()).status, 303, 'nothing changes before the second pair of eyes')
    assert.equal((await decide(head)).location, '/staff/accounts?notice=approved')
    assert.equal((await signIn()).status, 422)
    assert.match((await first.browser.get(`/staff/accounts/${account}`)).text, new RegExp(`/staff/accounts/${account}/open`))
  }),
)
