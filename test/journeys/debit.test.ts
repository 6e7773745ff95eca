import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContext, Page as BrowserPage } from 'playwright-core'
import { queryIn } from '#kernel/db/testing.ts'
import { manualClock, systemClock } from '#kernel/time.ts'
import { checkMandates, runDebitCollect } from '#modules/billing/index.ts'
import { checkDebits, type DebitBankConfig, debitBank, runDebitExchange, useDebitBank } from '#modules/payments/index.ts'
import { type SandboxProcess, startSandbox } from '../../sandbox/start.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { faultsInBooks, fromAddress, type Inbox, signInAs, until, withMessages } from '../abuse/support.ts'
import { openVisitor, type Visitor } from '../support/browser.ts'
import { type Page, type Plain, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

const CARD = '4111 1111 1111 1111'
const textOf = (html: string) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')

interface Home {
  readonly product: Product
  readonly inbox: Inbox
  readonly clock: ReturnType<typeof manualClock>
  readonly bank: SandboxProcess
  readonly mother: Plain
  readonly accountId: string
  readonly bill: string
  /** To an hour of a later day, with what the morning brings. */
  goTo(days: number, hour: number): Promise<void>
}

/** A resident who signed in by the code of a text message and keeps an account with a bill due in four days; a bank beside the product. */
const atHome = (work: (home: Home) => Promise<void>) => {
  const clock = manualClock('2026-11-23T02:00:00.000Z')
  return withProduct(
    product =>
      withMessages(product, async inbox => {
        const { bank } = await startSandbox(['bank'], {
          keysDir: join(product.kernel.config.dataDir, 'sandbox'),
          env: { SANDBOX_TIME_SCALE: '1000000' },
        })
        useDebitBank(1, debitBank(bank.config as unknown as DebitBankConfig, systemClock))
        try {
          const mother = plainBrowser(product.url, undefined, fromAddress(70_000))
          const asked = await mother.submit(await mother.get('/sign-in'), '/sign-in', { phone: '13800001111' })
          const code = await until('the code', async () => (await inbox.codes('13800001111')).at(-1))
          assert.equal((await mother.submit(asked, '/sign-in/code', { code })).status, 303)
          const bill = await product.issueBill(5_250, { dueOn: '2026-11-27' })
          const kept = await queryIn(
            product.kernel,
            `update billing.account a set account_no = '1045333141' from billing.bill b where b.code = $1 and a.id = b.account_id returning a.id`,
            [bill],
          )
          const form = await mother.get('/mine/households/new')
          await mother.submit(form, '/mine/households', { biller: 'water', account: '1045333141', relation: 'owner', nickname: '' })
          const goTo = async (days: number, hour: number) => {
            clock.set(new Date(Date.parse('2026-11-23T00:00:00+08:00') + (days * 24 + hour) * 3_600_000))
            await fetch(`${bank.url}/_control/quirks`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ now: clock.now().toISOString() }),
            })
            await runDebitCollect(product.kernel, 1)
            for (let round = 0; round < 3; round++) await runDebitExchange(product.kernel, 1)
          }
          await work({ product, inbox, clock, bank, mother, accountId: kept.rows[0].id, bill, goTo })
        } finally {
          await bank.stop()
        }
      }),
    { clock },
  )
}

const carry = (to: BrowserContext, from: Plain, url: string) =>
  to.addCookies([...from.cookies].map(([name, value]) => ({ name, value, url })))

async function isClean(page: BrowserPage, where: string): Promise<void> {
  assert.deepEqual(await axeOn(page), [], where)
}

/** Ticks or chooses something that leads to no other page; it is a tap all the same. */
const tick = (visitor: Visitor, selector: string) => visitor.page.locator(selector).first().tap()

for (const script of [true, false])
  test(
    `auto-debit is switched on in three taps and a card number, and off in two${script ? '' : ', without script'}`,
    { timeout: 120_000 },
    () =>
      atHome(async ({ product, mother, accountId, bill, goTo }) => {
        const visitor = await openVisitor(browser, { script })
        try {
          const { page, tap } = visitor
          await carry(visitor.context, mother, product.url)
          await page.goto(`${product.url}/mine/households/${accountId}`)
          const began = performance.now()
          await tap('text=开通自动扣款')
          assert.match(textOf(await page.content()), /每次最多扣[\s\S]*500\.00元[\s\S]*随时可以[\s\S]*停用/)
          assert.match(textOf(await page.content()), /11月24日扣52\.50元/)
          assert.equal(await page.locator('#consent').isChecked(), false, 'nobody ticked it')
          await page.fill('#card', CARD)
          await tick(visitor, '#consent')
          await tap('text=同意并开通')
          const taps = { on: visitor.taps() + 1, off: 0 }
          assert.match(textOf(await page.content()), /已开通水费自动扣款/)
          assert.doesNotMatch(await page.content(), /4111/, 'the card is shown by its last four')
          assert.match(textOf(await page.content()), /尾号1111/)
          await goTo(1, 7)
          const before = visitor.taps()
          await tap('a[href$="/off"]')
          assert.match(textOf(await page.content()), /52\.50元还没有交给银行，停用后不会扣/)
          await tap('text=确认停用')
          taps.off = visitor.taps() - before
          assert.match(textOf(await page.content()), /已停用，以后的账单请您自己缴/)
          assert.deepEqual(taps, { on: 3, off: 2 })
          assert.ok(performance.now() - began < 45_000)
          await page.goto(`${product.url}/b/${bill}`)
          assert.match(textOf(await page.content()), /确认支付/)
          assert.deepEqual(await faultsInBooks(product), [])
        } finally {
          await visitor.close()
        }
      }),
  )

test(
  'who signed in earlier proves with a code that it is still them before a mandate is given or changed, not before it ends',
  { timeout: 120_000 },
  () =>
    atHome(async ({ product, inbox, clock, mother, accountId }) => {
      clock.advance(29 * 60_000)
      const toForm = `/mine/debits/new?account=${accountId}`
      const proof = `/sign-in?next=${encodeURIComponent(toForm)}&again=1`
      assert.equal((await mother.get(toForm)).location, proof)
      const asked = await mother.get(proof)
      assert.match(textOf(asked.text), /再确认是您本人[\s\S]*停用不用验证/)
      const token = mother.cookies.get('yimen_session')
      const sent = (await inbox.codes('13800001111')).length
      const entry = await mother.submit(asked, '/sign-in', {})
      assert.match(textOf(entry.text), /138\*{4}1111/)
      const code = await until('another code', async () => (await inbox.codes('13800001111'))[sent])
      assert.equal((await mother.submit(entry, '/sign-in/code', { code: code === '000000' ? '000001' : '000000' })).status, 422)
      const done = await mother.submit(entry, '/sign-in/code', { code })
      assert.equal(done.location, toForm)
      assert.notEqual(mother.cookies.get('yimen_session'), token)
      const before = plainBrowser(product.url, undefined, fromAddress(70_001))
      before.cookies.set('yimen_session', token!)
      assert.match((await before.get('/mine/debits')).text, /next=%2Fmine%2Fdebits/, 'the earlier sign-in is over')

      // A form left open for longer than the rules allow is refused, and says where to go.
      const fields = { card: CARD, ceiling: '50000', days: '3', until: 'open', consent: 'yes' }
      const form = await mother.get(toForm)
      clock.advance(31 * 60_000)
      assert.equal((await mother.submit(form, '/mine/debits', fields)).location, proof)
      const count = () => queryIn(product.kernel, 'select count(*)::int as n from billing.debit_mandate').then(found => found.rows[0].n)
      assert.equal(await count(), 0)
      clock.advance(-31 * 60_000)
      assert.equal((await mother.submit(form, '/mine/debits', fields)).status, 303)
      assert.equal(await count(), 1)
      clock.advance(60 * 60_000)
      const { rows } = await queryIn(product.kernel, 'select id from billing.debit_mandate')
      const change = `/mine/debits/${rows[0].id}/change`
      assert.equal((await mother.get(change)).location, `/sign-in?next=${encodeURIComponent(change)}&again=1`)
      const off = await mother.submit(await mother.get(`/mine/debits/${rows[0].id}/off`), `/mine/debits/${rows[0].id}/off`, {})
      assert.match(off.location!, /notice=off/)
    }),
)

async function start(mother: Plain, accountId: string, fields: Record<string, string> = {}): Promise<Page> {
  const form = await mother.get(`/mine/debits/new?account=${accountId}`)
  return mother.submit(form, '/mine/debits', { card: CARD, ceiling: '50000', days: '3', until: 'open', consent: 'yes', ...fields })
}

test(
  'while the bank debits, the bill says so to everybody; then there is a receipt, and the desk sees batch, files and order',
  { timeout: 120_000 },
  () =>
    atHome(async ({ product, mother, accountId, bill, goTo }) => {
      const on = await start(mother, accountId)
      assert.match(on.location!, /notice=on/)
      await goTo(1, 7)
      const stranger = plainBrowser(product.url, undefined, fromAddress(70_001))
      for (const who of [mother, stranger]) {
        const page = await who.get(`/b/${bill}`)
        assert.equal(page.status, 200)
        assert.match(textOf(page.text), /这张账单11月24日自动扣款[\s\S]*银行答复前请不要再付/)
        assert.doesNotMatch(page.text, /确认支付/)
      }
      const { rows: orders } = await queryIn(product.kernel, 'select id, code from payments."order"')
      assert.equal((await mother.get(`/o/${orders[0].code}`)).location, `/b/${bill}`)
      const clerk = await signInAs(product, 'clerk')
      const { rows: bills } = await queryIn(product.kernel, 'select id from billing.bill where code = $1', [bill])
      const opened = await clerk.browser.post('/staff/cash/open', { csrf: clerk.csrf, drawer: 'A1' })
      assert.equal(opened.status, 303)
      assert.match(textOf((await clerk.browser.get(`/staff/cash/bills/${bills[0].id}`)).text), /正在从银行卡自动扣款，请不要收现金/)
      await goTo(1, 9)
      const done = await until('the receipt', async () => {
        const page = await mother.get(`/o/${orders[0].code}`)
        return page.status === 200 && page
      })
      assert.match(textOf(done.text), /YM-20261124-000001/)
      assert.match(textOf(done.text), /自动扣款/)
      const item = await until('the try to be settled', async () => {
        const { rows } = await queryIn(product.kernel, "select mandate_id as id from billing.debit_item where outcome = 'debited'")
        return rows[0]
      })
      const detail = textOf((await mother.get(`/mine/debits/${item.id}`)).text)
      assert.match(detail, /已扣款/)
      assert.match(detail, /您同意的约定[\s\S]*2026年11月23日同意，第1版[\s\S]*每次最多扣：500\.00元/)
      await desk(product, orders[0].id)
      for (const check of [...(await checkDebits(product.kernel.db, 1)), ...(await checkMandates(product.kernel.db, 1))])
        assert.equal(check.ok, true, check.id)
      assert.deepEqual(await faultsInBooks(product), [])
    }),
)

async function desk(product: Product, orderId: string): Promise<void> {
  const clerk = await signInAs(product, 'clerk')
  const { rows } = await queryIn(product.kernel, 'select id, batch_no from payments.debit_batch')
  const { id, batch_no } = rows[0]
  const order = await clerk.browser.get(`/staff/orders/${orderId}`)
  assert.match(textOf(order.text), new RegExp(`批次${batch_no}：已扣`))
  assert.ok(!order.text.includes(`/staff/debits/${id}`), 'no way is offered to who may not go it')
  assert.equal((await clerk.browser.get('/staff/debits')).status, 403)
  assert.equal((await clerk.browser.get(`/staff/debits/${id}`)).status, 403)
  for (const role of ['manager', 'operator-audit'] as const) {
    const who = await signInAs(product, role)
    assert.match(textOf((await who.browser.get('/staff/debits')).text), new RegExp(`${batch_no}[\\s\\S]*已结束[\\s\\S]*1笔，52\\.50元`))
    const batch = await who.browser.get(`/staff/debits/${id}`)
    assert.ok(batch.text.includes(`/staff/orders/${orderId}`))
    // The bank's return may be taken before its acknowledgement.
    for (const file of [/扣款文件/, /收到回执/, /回盘/]) assert.match(textOf(batch.text), file)
    assert.equal((await who.browser.get('/staff/debits/01900000-0000-7000-8000-000000000000')).status, 404)
    assert.equal((await who.browser.get('/staff/debits/x')).status, 404)
  }
}

test(
  'what is typed wrong is said beside its field and stays; another card of the bank, another resident, no sign-in',
  { timeout: 120_000 },
  () =>
    atHome(async ({ product, bank, mother, accountId }) => {
      for (const [fields, words] of [
        [{ card: '4111111111111112' }, /请核对卡号/],
        [{ consent: '' }, /同意约定才能开通/],
        [{ ceiling: '0' }, /请选每次最多扣多少/],
        [{ ceiling: '1e9' }, /请选每次最多扣多少/],
        [{ ceiling: '99999999999' }, /请选每次最多扣多少/],
        [{ days: '31' }, /请选什么时候扣/],
        [{ until: '2020-01-01' }, /请选到什么时候/],
        [{ until: 'nonsense' }, /请选到什么时候/],
      ] as const) {
        const answer = await start(mother, accountId, fields)
        assert.equal(answer.status, 422, JSON.stringify(fields))
        assert.match(textOf(answer.text), words)
        assert.ok(!answer.text.includes('4111'), 'a card number is never shown again')
      }
      await fetch(`${bank.url}/_control/accounts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ card: '4111111111111111', phone: '13999999999' }),
      })
      assert.match(textOf((await start(mother, accountId)).text), /银行留的手机号和您登录的不一样，没有扣钱/)
      const stranger = plainBrowser(product.url, undefined, fromAddress(70_002))
      assert.match((await stranger.get(`/mine/debits/new?account=${accountId}`)).location!, /^\/sign-in\?next=/)
      assert.match(textOf((await stranger.get('/mine/debits')).text), /先用手机号登录/)
      assert.equal((await mother.post('/mine/debits', { account: accountId, card: CARD })).status, 403, 'not one of our forms')
      const elsewhere = await mother.get('/mine/debits/new?account=01900000-0000-7000-8000-000000000000')
      assert.equal(elsewhere.location, '/mine/debits')
      assert.deepEqual(
        (await queryIn(product.kernel, "select count(*)::int as n from billing.debit_mandate where state <> 'ended'")).rows,
        [{ n: 0 }],
      )
      assert.deepEqual((await queryIn(product.kernel, 'select count(*)::int as n from payments."order"')).rows, [{ n: 0 }])
    }),
)

test('axe finds nothing on any of its pages, in both languages and two sizes', { timeout: 240_000 }, () =>
  atHome(async ({ product, mother, accountId, bill, goTo }) => {
    const { location } = await start(mother, accountId)
    const id = new URLSearchParams(location!.split('?')[1]).get('of')!
    await goTo(1, 7)
    const paths = ['', `/new?account=${accountId}`, `/${id}`, `/${id}/off`, `/${id}/change`].map(path => `/mine/debits${path}`)
    const manager = await signInAs(product, 'manager')
    await goTo(1, 9)
    const { rows } = await queryIn(product.kernel, 'select id from payments.debit_batch')
    for (const lang of ['zh-CN', 'en'] as const)
      for (const elder of ['', 'elder']) {
        const resident = await openVisitor(browser, { lang })
        const desk = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: lang })
        try {
          await carry(resident.context, mother, product.url)
          await carry(desk, manager.browser, product.url)
          for (const context of [resident.context, desk])
            await context.addCookies([
              { name: 'yimen_lang', value: lang, url: product.url },
              ...(elder ? [{ name: 'yimen_elder', value: elder, url: product.url }] : []),
            ])
          for (const path of [...paths, `/b/${bill}`, `/mine/households/${accountId}`]) {
            await resident.page.goto(product.url + path)
            await isClean(resident.page, `${path} ${lang} ${elder}`)
            const wide = await resident.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
            assert.equal(wide, 0, `${path} ${lang} ${elder} fits 360 px`)
          }
          const page = await desk.newPage()
          for (const path of ['/staff/debits', `/staff/debits/${rows[0].id}`]) {
            await page.goto(product.url + path)
            await isClean(page, `${path} ${lang} ${elder}`)
          }
        } finally {
          await resident.close()
          await desk.close()
        }
      }
  }),
)
