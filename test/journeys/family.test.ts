import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { findPerson, permissionsOf, unmask } from '#modules/identity/index.ts'
import { pay, payInWallet, signedIn, signInAs, until, withMessages } from '../abuse/support.ts'
import { hiddenFields, type Page, type Plain, plainBrowser } from '../support/form.ts'
import { type Product, withProduct } from '../support/product.ts'

let accounts = 0

/** The check digit the paper carries: Luhn, as the test biller asks. */
function numbered(): string {
  const body = `10${String(++accounts).padStart(7, '0')}`
  const sum = [...body]
    .reverse()
    .reduce((total, digit, i) => total + (i % 2 === 0 ? [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][Number(digit)]! : Number(digit)), 0)
  return `${body}${(10 - (sum % 10)) % 10}`
}

/** A bill whose account a browser keeps at hand, by the form; answers the account's id and the bill's code. */
async function keep(product: Product, browser: Plain, relation: string, nickname: string): Promise<{ account: string; bill: string }> {
  const bill = await product.issueBill(8_800)
  const number = numbered()
  const { rows } = await queryIn(
    product.kernel,
    'update billing.account a set account_no = $1 from billing.bill b where b.code = $2 and a.tenant_id = b.tenant_id and a.id = b.account_id returning a.id',
    [number, bill],
  )
  const form = await browser.get('/mine/households/new')
  const kept = await browser.submit(form, '/mine/households', { biller: 'water', account: number, relation, nickname })
  assert.equal(kept.status, 303)
  return { account: rows[0].id, bill }
}

const share = async (browser: Plain, phone: string) => browser.submit(await browser.get('/mine/households'), '/mine/shares', { phone })
const endOf = (page: Page): string => /action="(\/mine\/shares\/[^"]+\/end)"/.exec(page.text)![1]!

const [MOTHER, SON, UNKNOWN, STRANGER] = ['13800001111', '13900002222', '13700003333', '13600004444']

test('an account shared with family: seen and paid by them, masked, ended at once', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const son = await signedIn(product, inbox, SON)
      assert.match((await son.get('/mine/households')).text, /还没有绑定户号/)
      const mother = await signedIn(product, inbox, MOTHER)
      const home = await keep(product, mother, 'owner', '我的小家')
      const neighbours = await keep(product, mother, 'helper', '邻居')

      // A number that signed in and one nobody has get one answer, and the list shows them alike.
      const [known, unknown] = [await share(mother, SON), await share(mother, UNKNOWN)]
      assert.deepEqual([known.status, known.location], [unknown.status, unknown.location])
      assert.equal(known.location, '/mine/households?notice=shared')
      const list = await mother.get(known.location!)
      assert.match(list.text, /139\*\*\*\*2222/)
      assert.match(list.text, /137\*\*\*\*3333/)
      for (const phone of [SON, UNKNOWN, MOTHER]) assert.ok(!list.text.includes(phone))

      const seen = await son.get('/mine/households')
      assert.match(seen.text, /138\*\*\*\*1111共享给您/)
      assert.ok(seen.text.includes(`/mine/households/${home.account}"`))
      assert.ok(!seen.text.includes(neighbours.account), 'what she pays for others is not hers to share')
      assert.ok(!seen.text.includes('我的小家'), 'the name she gave it is hers')
      assert.ok(!seen.text.includes(MOTHER))
      const one = await son.get(`/mine/households/${home.account}`)
      assert.ok(!one.text.includes('/save') && !one.text.includes('/unbind'))
      const bills = await son.get(`/mine/households/${home.account}/bills`)
      assert.ok(bills.text.includes(`/b/${home.bill}"`))
      const bill = await son.get(`/b/${home.bill}`)
      const paying = await son.submit(bill, `/b/${home.bill}/pay`, { way: 'wechat' })
      assert.ok(paying.location!.startsWith(product.sandbox.wechat.url))
      assert.match((await son.get(await payInWallet(paying.location!))).text, /YM-\d{8}-000001/)

      // Nobody else sees it, by whatever address.
      const stranger = await signedIn(product, inbox, STRANGER)
      for (const path of ['', '/bills']) assert.equal((await stranger.get(`/mine/households/${home.account}${path}`)).status, 404)
      const end = endOf(list)
      const foreign = await stranger.post(end, { csrf: hiddenFields((await stranger.get('/prefs')).text, '/prefs').csrf! })
      assert.equal(foreign.status, 404)
      assert.equal((await son.get(`/mine/households/${home.account}`)).status, 200)

      // Who signs in later with the number of a share finds it there.
      const later = await signedIn(product, inbox, UNKNOWN)
      assert.match((await later.get('/mine/households')).text, /共享给您/)

      assert.equal((await mother.submit(list, end)).location, '/mine/households?notice=ended')
      for (const path of ['', '/bills']) assert.equal((await son.get(`/mine/households/${home.account}${path}`)).status, 404)
      assert.ok(!(await son.get('/mine/households')).text.includes(home.account))
      assert.ok((await later.get('/mine/households')).text.includes(home.account))
      // The other side can leave too.
      const left = await later.get(`/mine/households/${home.account}`)
      assert.equal((await later.submit(left, endOf(left))).status, 303)
      assert.equal((await later.get(`/mine/households/${home.account}`)).status, 404)
      assert.ok(!(await mother.get('/mine/households')).text.includes('137****3333'))
    }),
  ),
)

test('sharing asks for a sign-in and a number that can be one, and says what is wrong', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const nobody = plainBrowser(product.url)
      const page = await nobody.get('/mine/households')
      assert.ok(page.text.includes('/sign-in?next=%2Fmine%2Fhouseholds'))
      const { csrf = '' } = hiddenFields((await nobody.get('/prefs')).text, '/prefs')
      assert.equal((await nobody.post('/mine/shares', { csrf, phone: SON })).location, '/sign-in?next=%2Fmine%2Fhouseholds')
      const mother = await signedIn(product, inbox, MOTHER)
      for (const [phone, words] of [
        ['1380', '请输入11位手机号'],
        [MOTHER, '这是您自己的手机号'],
      ] as const) {
        const refused = await share(mother, phone)
        assert.equal(refused.status, 422)
        assert.match(refused.text, new RegExp(words))
      }
      const { rows } = await queryIn(product.kernel, 'select count(*)::int as n from identity.share')
      assert.equal(rows[0].n, 0)
    }),
  ),
)

test('who looked at my data: office, masked name, what and why; one’s own only', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const [mother, son] = [await signedIn(product, inbox, MOTHER), await signedIn(product, inbox, SON)]
      assert.match((await mother.get('/mine')).text, /href="\/mine\/readings"/)
      assert.match((await mother.get('/mine/readings')).text, /还没有人看过/)
      const code = await product.issueBill(8_800)
      const bill = await mother.get(`/b/${code}`)
      const paying = await mother.submit(bill, `/b/${code}/pay`, { way: 'wechat' })
      await mother.get(await payInWallet(paying.location!))
      const { rows } = await queryIn(product.kernel, 'select id, code from payments."order"')

      const clerk = await signInAs(product, 'clerk')
      assert.equal((await clerk.browser.get(`/staff/orders/${rows[0].id}`)).status, 200)
      const asApprover = { ...product.ctx, actor: { kind: 'staff' as const, id: clerk.id, permissions: permissionsOf('approver') } }
      const person = await findPerson(asApprover, { phone: MOTHER })
      assert.ok(person.ok)
      assert.ok((await unmask(asApprover, { personId: person.value.id, field: 'phone', why: '核对<b>退款</b>联系电话' })).ok)

      const page = await until('the sealed readings', async () => {
        const seen = await mother.get('/mine/readings')
        return seen.text.includes('完整的手机号') && seen.text.includes(`/o/${rows[0].code}`) && seen
      })
      assert.equal(page.text.match(/窗口受理 测\*\*/g)?.length, 3)
      assert.match(page.text, /水费 2026年9–10月 ¥88\.00/)
      assert.match(page.text, /按您的手机号查询/)
      assert.match(page.text, /核对&lt;b>退款|核对&lt;b&gt;退款/)
      for (const secret of [clerk.username, clerk.id, MOTHER, '测试']) assert.ok(!page.text.includes(secret), secret)
      assert.match((await son.get('/mine/readings')).text, /还没有人看过/)
      assert.match((await plainBrowser(product.url).get('/mine/readings')).text, /登录后/)
    }),
  ),
)

test('what was paid and kept before signing in stays the payer’s: seen, taken back, and nobody else’s', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const { browser, order } = await pay(product, 13_195)
      const { account } = await keep(product, browser, 'owner', '老屋')
      await signedIn(product, inbox, MOTHER, browser)
      assert.match((await browser.get('/mine/payments')).text, /131\.95/)
      assert.match((await browser.get(`/mine/households/${account}`)).text, /老屋/)
      const stranger = await signedIn(product, inbox, STRANGER)
      assert.doesNotMatch((await stranger.get('/mine/payments')).text, /131\.95/)
      assert.doesNotMatch((await stranger.get(order)).text, /\/undo"/)
      assert.equal((await stranger.post(`${order}/undo`, hiddenFields((await stranger.get('/sign-in')).text, '/sign-in'))).status, 404)
      // Kept under another name since: it is listed once, by the newer one.
      const renamed = await browser.submit(await browser.get(`/mine/households/${account}`), `/mine/households/${account}/save`, {
        nickname: '新名',
      })
      assert.equal(renamed.status, 303)
      const list = (await browser.get('/mine/households')).text
      assert.equal(list.split(`/mine/households/${account}"`).length, 2)
      assert.match(list, /新名/)
      const undone = await browser.submit(await browser.get(order), `${order}/undo`)
      assert.equal(undone.status, 303)
      assert.match((await browser.get(order)).text, /退回|撤销/)
      const { csrf = '' } = hiddenFields((await browser.get(`/mine/households/${account}`)).text, `/mine/households/${account}/unbind`)
      assert.equal((await browser.post('/mine/households/x/unbind', { csrf })).status, 404)
      await browser.submit(await browser.get(`/mine/households/${account}`), `/mine/households/${account}/unbind`)
      assert.match((await browser.get('/mine/households')).text, /还没有绑定户号/)
    }),
  ),
)

test('one page shows a carer what is due for whom; the clerk has the same of a resident on one card', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async inbox => {
      const nobody = await plainBrowser(product.url).get('/mine/dues')
      assert.match(nobody.text, /还没有绑定户号/)
      const mother = await signedIn(product, inbox, MOTHER)
      const hers = await keep(product, mother, 'owner', '老屋')
      const son = await signedIn(product, inbox, SON)
      const his = await keep(product, son, 'owner', '')
      const neighbour = await keep(product, son, 'helper', '隔壁李奶奶')
      await share(mother, SON)
      const page = (await son.get('/mine/dues')).text
      const text = page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
      assert.match(text, /一共3张，264\.00元/)
      assert.match(text, /自己的[\s\S]*隔壁李奶奶的[\s\S]*水费/)
      for (const { bill } of [hers, his, neighbour]) assert.match(page, new RegExp(`href="/b/${bill}"`))
      assert.doesNotMatch(page, /老屋/, 'what she calls it is hers alone')

      const clerk = await signInAs(product, 'clerk')
      const found = await findPerson({ ...product.ctx, actor: { ...product.ctx.actor, kind: 'system' } }, { phone: SON })
      assert.ok(found.ok)
      const card = (await clerk.browser.get(`/staff/residents/${found.value.id}`)).text.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')
      assert.match(card, /待缴[\s\S]*88\.00[\s\S]*88\.00[\s\S]*绑定的户号[\s\S]*替别人缴/)
      const biller = await signInAs(product, 'biller')
      assert.equal((await biller.browser.get(`/staff/residents/${found.value.id}`)).status, 403)
    }),
  ),
)
