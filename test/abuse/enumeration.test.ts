import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryIn } from '#kernel/db/testing.ts'
import { registerPerson } from '#modules/identity/index.ts'
import type { Page } from '../support/form.ts'
import { withProduct } from '../support/product.ts'
import { comparable, fromAddress, pay, signInAs, until, visitor, withInspector, withMessages } from './support.ts'

const ROUNDS = 15
/** Far above what two equal ways differ by on a busy machine, far below a password check that was left out. */
const APART_MS_MAX = 15
/** Share of the longer median that two may differ by on a machine so busy that both take long. */
const APART_SHARE_MAX = 0.4

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!

/** Asks both in turn, so that whatever else the machine does meets both; the medians must be near. */
async function takesTheSame(one: (i: number) => Promise<Page>, other: (i: number) => Promise<Page>): Promise<void> {
  const times: [number[], number[]] = [[], []]
  for (let i = 0; i < ROUNDS; i++) {
    for (const [k, ask] of [one, other].entries()) {
      const began = performance.now()
      const { status } = await ask(i)
      times[k]!.push(performance.now() - began)
      assert.notEqual(status, 429, 'the limit answered instead')
    }
  }
  const [a, b] = [median(times[0]), median(times[1])]
  const most = Math.max(APART_MS_MAX, APART_SHARE_MAX * Math.max(a, b))
  assert.ok(Math.abs(a - b) < most, `medians ${a.toFixed(1)} and ${b.toFixed(1)} ms`)
}

const same = (a: Page, b: Page) => {
  assert.equal(a.status, b.status)
  assert.equal(a.location, b.location)
  // The masked number and the chosen account are what the visitor typed.
  const bare = (page: Page) => comparable(page.text, page.url).replace(/1\d\d\*{4}\d{4}/g, 'PHONE')
  assert.equal(bare(a), bare(b))
}

/** Numbers with the right check digit. */
const ACCOUNTS = { owesNothing: '1045333141', nobody: '1045333158' }

test('a number nobody has and one that owes nothing get one answer in one time', { timeout: 90_000 }, () =>
  withProduct(async product => {
    const { bill } = await pay(product)
    await queryIn(
      product.kernel,
      'update billing.account set account_no = $2 where id = (select account_id from billing.bill where code = $1)',
      [bill, ACCOUNTS.owesNothing],
    )
    const ask = async (account: string) => {
      // A browser of its own each time: the limit on one is the next test.
      const { browser, csrf } = await visitor(product.url)
      return browser.post('/pay/account', { csrf, biller: 'water', account })
    }
    const [known, unknown] = [await ask(ACCOUNTS.owesNothing), await ask(ACCOUNTS.nobody)]
    assert.equal(known.status, 422)
    assert.match(known.text, /id="account-error"/)
    same(known, unknown)
    await takesTheSame(
      () => ask(ACCOUNTS.owesNothing),
      () => ask(ACCOUNTS.nobody),
    )
  }),
)

test('one browser looks up twenty numbers an hour, then reads how long to wait', { timeout: 90_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const { browser, csrf } = await visitor(product.url)
      const ask = (at: typeof browser, csrf: string, path = '/pay/account') =>
        at.post(path, { csrf, biller: 'water', account: ACCOUNTS.nobody, relation: 'owner' }, { accept: 'text/html' })
      for (let i = 0; i < 20; i++) assert.equal((await ask(browser, csrf, i % 2 ? '/pay/account' : '/mine/households')).status, 422)
      const [before, refusals] = [await see.state(), await see.refusals()]
      const over = await ask(browser, csrf)
      assert.equal(over.status, 429)
      assert.equal(over.text.match(/<h1/g)?.length, 1)
      assert.match(over.text, /请等60分钟/)
      await until('one refusal', async () => (await see.refusals()) === refusals + 1)
      assert.equal((await ask(browser, csrf, '/mine/households')).status, 429, 'the other form is no way round')
      assert.equal(await see.state(), before)
      // Another person in the same hall goes on; one who throws cookies away meets the limit of the address.
      const statuses: number[] = []
      for (let i = 0; i < 110 && statuses.at(-1) !== 429; i++) {
        const next = await visitor(product.url)
        const answer = await ask(next.browser, next.csrf)
        statuses.push(answer.status)
        if (answer.status === 429) assert.match(answer.text, /<html lang="zh-CN"/)
      }
      assert.equal(statuses[0], 422)
      assert.equal(statuses.at(-1), 429)
      assert.ok(statuses.length > 60, `the address was closed after ${statuses.length}`)
    }),
  ),
)

test('known and unknown telephones and user names get one answer in one time', { timeout: 120_000 }, () =>
  withProduct(product =>
    withMessages(product, async () => {
      const { username } = await signInAs(product, 'clerk')
      let n = 0
      const askPhone = async (phone: string) => {
        const { browser, csrf } = await visitor(product.url)
        return browser.post('/sign-in', { csrf, phone, next: '/mine' }, fromAddress(++n))
      }
      const number = (i: number) => `139${String(i).padStart(8, '0')}`
      for (let i = 0; i <= ROUNDS; i++) assert.ok((await registerPerson(product.ctx, { name: '张三', phone: number(i) })).ok)
      same(await askPhone(number(ROUNDS)), await askPhone(number(900)))
      await takesTheSame(
        i => askPhone(number(i)),
        i => askPhone(number(1_000 + i)),
      )
      const askStaff = async (name: string) => {
        const { browser, csrf } = await visitor(product.url)
        return browser.post('/staff/sign-in', { csrf, username: name, password: 'not the password', next: '/staff' }, fromAddress(++n))
      }
      same(await askStaff(username), await askStaff('nobody-here'))
      await takesTheSame(
        () => askStaff(username),
        () => askStaff('nobody-here'),
      )
    }),
  ),
)
