import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { openBrowser } from '../../web/test/browser.ts'
import { type Desk, pay, signInAs } from '../abuse/support.ts'
import { type Product, withProduct } from '../support/product.ts'
import { totpCode } from '../support/totp.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

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

/** Every page behind the sign-in, and the ones on the way to it, in the states that look different. */
async function placesOf(product: Product, clerk: Desk, admin: Desk): Promise<{ clerk: Place[]; admin: Place[] }> {
  const { url } = product
  const { order } = await pay(product, 4_400)
  const { rows } = await product.kernel.db.tx(1, tx =>
    tx.client.query(`select id, (select bill_no from billing.bill) as bill_no from payments."order"`),
  )
  const at = (name: string, path: string, has: string): Place => ({ name, open: page => page.goto(url + path), has })
  return {
    clerk: [
      at('start', '/staff/search', 'form.search'),
      at('found', `/staff/search?q=${rows[0].bill_no}`, 'table'),
      at('nothing found', '/staff/search?q=none', '.empty'),
      at('order', `/staff/orders/${rows[0].id}`, '.deskgrid'),
      at('order by its code', `/staff/search?q=${order.slice(3)}`, 'table'),
      at('own account', '/staff/me', 'input[name="newPassword"]'),
      {
        name: 'own account with errors',
        open: async page => {
          await page.goto(`${url}/staff/me`)
          await press(page, 'form[action="/staff/me/password"] button')
        },
        has: '.errors',
      },
      at('not allowed', '/staff/accounts', 'h1'),
      at('not there', `/staff/orders/${clerk.id}`, 'h1'),
    ],
    admin: [
      at('accounts', '/staff/accounts', 'form[action$="/decline"]'),
      at('account', `/staff/accounts/${clerk.id}`, 'input[name="role"]'),
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
  const places = await placesOf(product, clerk, admin)
  const complaints: string[] = []
  for (const [desk, list] of [
    [clerk, places.clerk],
    [admin, places.admin],
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

test('axe finds nothing on any page of the desk, in both languages and modes', { timeout: 120_000 }, () =>
  withProduct(async product => {
    const complaints = await visitAll(
      product,
      { width: 1280, height: 800 },
      1,
      async page => {
        const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze()
        return violations.map(v => `${v.id} ${v.nodes.map(node => node.html.slice(0, 120)).join(' | ')}`)
      },
      ALL,
    )
    assert.deepEqual(complaints, [])
  }),
)

for (const [name, size, scale] of [
  ['at 320 px', { width: 320, height: 640 }, 1],
  ['at 200% of a desk of 1280 px', { width: 640, height: 400 }, 2],
] as const) {
  test(`${name} the desk reads without scrolling sideways; tables scroll by themselves`, { timeout: 240_000 }, () =>
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

test('two administrators reset a clerk, who enrols and signs in without script', { timeout: 240_000 }, () =>
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
    const { violations } = await new AxeBuilder({ page: second }).withTags(TAGS).analyze()
    assert.deepEqual(
      violations.map(v => v.id),
      [],
    )

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
