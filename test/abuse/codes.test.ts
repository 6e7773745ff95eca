import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '#kernel/time.ts'
import { hiddenFields, type Page, type Plain } from '../support/form.ts'
import { withProduct } from '../support/product.ts'
import { fromAddress, visitor, withInspector, withMessages } from './support.ts'

const MINUTE = 60_000
const CODE_PAGE = '/sign-in/code'
const SESSIONS = `select count(*)::int as n from identity.session where kind = 'resident'`
const PEOPLE = 'select count(*)::int as n from identity.person'

const challengeOf = (page: Page): Record<string, string> => hiddenFields(page.text, CODE_PAGE)

const askCode = async (browser: Plain, csrf: string, phone: string, n: number): Promise<Page> =>
  browser.post('/sign-in', { csrf, phone, next: '/mine' }, fromAddress(n))

/** Six digits that are not these. */
const another = (code: string, by: number): string => String((Number(code) + by) % 1_000_000).padStart(6, '0')

test('a code is good for one number, one asking, five tries and five minutes', { timeout: 90_000 }, () => {
  const clock = manualClock(new Date())
  return withProduct(
    product =>
      withMessages(product, inbox =>
        withInspector(product, async see => {
          const { browser, csrf } = await visitor(product.url)
          let n = 100
          const finish = (fields: Record<string, string>, code: string) => browser.post(CODE_PAGE, { ...fields, code }, fromAddress(++n))
          const start = async (phone: string) => {
            clock.advance(MINUTE)
            const fields = challengeOf(await askCode(browser, csrf, phone, ++n))
            return { fields, code: (await inbox.codes(phone)).at(-1)! }
          }
          const failed = `select count(*)::int as n from (select type from trail.pending union all select type from trail.entry) as t where type = 'identity.sign_in_failed'`

          // The code of one number does not open another's, nor an older one of the same number.
          const mine = await start('13900000001')
          const theirs = await start('13900000002')
          assert.equal((await finish(theirs.fields, mine.code)).status, 422)
          const older = mine
          const newer = await start('13900000001')
          if (older.code !== newer.code) assert.equal((await finish(newer.fields, older.code)).status, 422)

          // Five tries, told alike, each on the trail; then even the right one is refused.
          const guessed = await start('13900000003')
          const before = await see.count(failed)
          for (let i = 1; i <= 5; i++) assert.equal((await finish(guessed.fields, another(guessed.code, i))).status, 422)
          assert.equal(await see.count(failed), before + 5)
          const right = await finish(guessed.fields, guessed.code)
          assert.equal(right.status, 422)
          assert.equal(await see.count(SESSIONS), 0)
          assert.equal(await see.count(PEOPLE), 0)

          // Five minutes.
          const late = await start('13900000004')
          clock.advance(5 * MINUTE)
          assert.equal((await finish(late.fields, late.code)).status, 422)
          assert.equal(await see.count(SESSIONS), 0)

          // The right one, once.
          const good = await start('13900000005')
          assert.equal((await finish(good.fields, good.code)).status, 303)
          const twice = await visitor(product.url)
          assert.equal((await twice.browser.post(CODE_PAGE, { ...good.fields, csrf: twice.csrf, code: good.code })).status, 422)
          assert.equal(await see.count(SESSIONS), 1)
          assert.equal(await see.count(PEOPLE), 1)
        }),
      ),
    { clock },
  )
})

test('nobody is flooded with messages: limits for a number, a browser and an address', { timeout: 90_000 }, () => {
  const clock = manualClock(new Date())
  return withProduct(
    product =>
      withMessages(product, async inbox => {
        let n = 1_000
        const fresh = async (phone: string, address = ++n) => {
          const { browser, csrf } = await visitor(product.url)
          return askCode(browser, csrf, phone, address)
        }
        // One number, asked for by new browsers at new addresses: one a minute, five a day.
        const victim = '13900001000'
        const burst = await Promise.all(Array.from({ length: 10 }, () => fresh(victim)))
        assert.equal(burst.filter(page => page.status === 200).length, 1)
        assert.equal((await inbox.codes(victim)).length, 1)
        for (let i = 0; i < 8; i++) {
          clock.advance(MINUTE)
          await fresh(victim)
        }
        assert.equal((await inbox.codes(victim)).length, 5)

        // Sending again from the page of the code is no way round.
        clock.advance(MINUTE)
        const { browser, csrf } = await visitor(product.url)
        const fields = challengeOf(await askCode(browser, csrf, '13900002000', ++n))
        for (let i = 0; i < 3; i++) await browser.post(CODE_PAGE, { ...fields, resend: '1' }, fromAddress(++n))
        assert.equal((await inbox.codes('13900002000')).length, 1)

        // One browser over many numbers and addresses: twenty an hour.
        const bomber = await visitor(product.url)
        const before = await inbox.count()
        for (let i = 0; i < 30; i++) await askCode(bomber.browser, bomber.csrf, `1390000${3_000 + i}`, ++n)
        assert.equal((await inbox.count()) - before, 20)

        // One address that throws its cookies away: ten a minute, then the page says to wait.
        const answers: Page[] = []
        const sent = await inbox.count()
        for (let i = 0; i < 15; i++) answers.push(await fresh(`1390000${4_000 + i}`, 1))
        assert.deepEqual(
          answers.map(page => page.status),
          [...Array(10).fill(200), ...Array(5).fill(429)],
        )
        assert.equal((await inbox.count()) - sent, 10)
      }),
    { clock },
  )
})
