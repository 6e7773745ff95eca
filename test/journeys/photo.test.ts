import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { createHttp } from '#app/http.ts'
import { publicUrl } from '#kernel/config.ts'
import { type Ctx, systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { silentLog } from '#kernel/log.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { createPhotoReader, isPhotoInstalled, listPrintBills, type PrintBill, readBillPhoto } from '#modules/billing/index.ts'
import { inventBills, openPrinter, printedBill } from '../../bench/photo-bills.ts'
import { photograph } from '../../bench/photo-camera.ts'
import { getBiller } from '../../src/app/seed/content.ts'
import { seedTown } from '../../src/app/seed/index.ts'
import { freePort } from '../../src/app/up.ts'
import { axeOn } from '../../web/test/axe.ts'
import { openBrowser } from '../../web/test/browser.ts'
import { openVisitor } from '../support/browser.ts'
import { plainBrowser } from '../support/form.ts'

const skip = isPhotoInstalled() ? false : 'the optional models are not installed'
const TENANT = 1
let browser: Browser
let folder: string
before(async () => {
  browser = await openBrowser()
  folder = mkdtempSync(join(tmpdir(), 'yimen-photo-'))
})
after(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Town {
  readonly kernel: TestKernel
  readonly ctx: Ctx
  readonly url: string
  /** An unpaid water bill of the town, and a picture of it on paper: as it is, or with some of it changed. */
  readonly bill: PrintBill
  picture(name: string, change?: { amountFen?: number; accountNo?: string; hasCode?: boolean }): Promise<string>
}

/** The seeded town and its pages on a real port. */
const withTown = <T>(work: (town: Town) => Promise<T>): Promise<T> =>
  withTestDb(async plain => {
    const port = await freePort('127.0.0.1')
    const kernel: TestKernel = { ...plain, config: { ...plain.config, port, sandbox: true } }
    await seedTown(kernel, TENANT, { size: 'small', seed: 'photo' })
    const ctx = systemCtx(kernel, TENANT, 'test')
    const [bill] = await listPrintBills(ctx, 'water', 1)
    const tenant = { id: TENANT, name: { 'zh-CN': '梧桐里', en: 'Wutongli' }, phone: '0000 8866 1200', address: '' }
    const server = await createHttp({ kernel, tenant })
    const printer = await openPrinter(browser)
    try {
      await server.listen({ port, host: '127.0.0.1' })
      const { rows } = await queryIn(kernel, 'select bill_no, period_from, period_to from billing.bill where code = $1', [bill!.code])
      return await work({
        kernel,
        ctx,
        url: `http://127.0.0.1:${port}`,
        bill: bill!,
        async picture(name, { amountFen = bill!.amountFen, accountNo = bill!.accountNo, hasCode = false } = {}) {
          const paper = printedBill({
            b: getBiller('water'),
            name: '王**',
            address: '青砖一村***',
            accountNo,
            billNo: rows[0].bill_no,
            amountFen,
            cycle: { from: rows[0].period_from, to: rows[0].period_to, issuedOn: bill!.dueOn, dueOn: bill!.dueOn },
            lines: [],
            random: seededRandom(name),
            ...(hasCode && { codeUrl: `${publicUrl(kernel.config)}/b/${bill!.code}` }),
          })
          const path = join(folder, `${name}.jpg`)
          writeFileSync(path, await photograph(await printer.print(paper), seededRandom('a steady hand')))
          return path
        },
      })
    } finally {
      await printer.close()
      await server.close()
    }
  })

describe('a bill is photographed', { skip, timeout: 280_000 }, () => {
  for (const script of [true, false])
    test(`${script ? 'with' : 'without'} script: from the list of billers to its check page in three taps`, () =>
      withTown(async town => {
        const visitor = await openVisitor(browser, { script })
        const { page } = visitor
        page.setDefaultTimeout(30_000)
        await page.goto(`${town.url}/pay`)
        await visitor.tap('a[href="/pay/photo"]')
        await page.setInputFiles('#file', await town.picture('plain'))
        const began = performance.now()
        await visitor.tap('form:has(#file) button')
        const took = performance.now() - began
        assert.equal(await page.locator('#account').inputValue(), town.bill.accountNo)
        assert.match((await page.locator('main').textContent())!, new RegExp((town.bill.amountFen / 100).toFixed(2).replace('.', '\\.')))
        assert.equal(await page.locator('.banner').count(), 0, 'nothing was unsure')
        if (script)
          for (const size of ['', 'elder', 'max']) {
            await page.evaluate(value => document.documentElement.setAttribute('data-elder', value), size)
            assert.deepEqual(await axeOn(page), [], size)
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${size} scrolls sideways`)
          }
        await visitor.tap('main form[action="/pay/photo/bill"] button')
        assert.equal(new URL(page.url()).pathname, `/b/${town.bill.code}`)
        assert.equal(visitor.taps(), 3)
        assert.ok(took < 30_000, `${took} ms to read`)
        await visitor.close()
      }))

  test('another amount on the paper is said before the check page, and the bill counts', () =>
    withTown(async town => {
      const visitor = await openVisitor(browser, { lang: 'en' })
      const { page } = visitor
      page.setDefaultTimeout(30_000)
      await page.goto(`${town.url}/pay/photo`)
      await page.setInputFiles('#album', await town.picture('dearer', { amountFen: town.bill.amountFen + 10_000 }))
      await visitor.tap('form:has(#album) button')
      await visitor.tap('main form[action="/pay/photo/bill"] button')
      const text = (await page.locator('main').textContent())!
      assert.match(text, /Not the same as in the picture/)
      for (const fen of [town.bill.amountFen, town.bill.amountFen + 10_000]) assert.ok(text.includes((fen / 100).toFixed(2)), text)
      assert.deepEqual(await axeOn(page), [])
      await visitor.tap('main a.btn')
      assert.equal(new URL(page.url()).pathname, `/b/${town.bill.code}`)
      await visitor.close()
    }))

  test('a printed code of ours leads straight to the check page; a stranger account is answered like a typed one', () =>
    withTown(async town => {
      const visitor = await openVisitor(browser)
      const { page } = visitor
      page.setDefaultTimeout(30_000)
      const send = async (path: string) => {
        await page.goto(`${town.url}/pay/photo`)
        await page.setInputFiles('#file', path)
        await visitor.tap('form:has(#file) button')
      }
      await send(await town.picture('code', { hasCode: true }))
      assert.equal(new URL(page.url()).pathname, `/b/${town.bill.code}`)

      // Of the right form, and nobody's.
      await send(await town.picture('nobody', { accountNo: '1045333141' }))
      await visitor.tap('main form[action="/pay/photo/bill"] button')
      assert.match((await page.locator('.errors').textContent())!, /这个户号现在没有要缴的账单/)
      await page.fill('#account', town.bill.accountNo)
      await page.locator('input[name="biller"]').first().check()
      await visitor.tap('main form[action="/pay/photo/bill"] button')
      assert.equal(new URL(page.url()).pathname, `/b/${town.bill.code}`)

      for (const [name, bytes, words] of [
        ['text.jpg', Buffer.from('no picture'), /这个文件不是照片/],
        ['empty.jpg', Buffer.alloc(0), /请先拍一张/],
        ['dark.png', await dark(), /照片太暗/],
      ] as const) {
        await page.goto(`${town.url}/pay/photo`)
        await page.setInputFiles('#file', { name, mimeType: 'image/jpeg', buffer: bytes })
        await visitor.tap('form:has(#file) button')
        assert.match((await page.locator('.errors').textContent())!, words)
      }
      await visitor.close()
    }))

  test('looking for accounts by pictures is limited as typing them is', () =>
    withTown(async town => {
      const robot = plainBrowser(town.url)
      const page = await robot.get('/pay/photo')
      const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)![1]!
      const answers: number[] = []
      for (let i = 0; i < 22; i++)
        answers.push((await robot.post('/pay/photo/bill', { csrf, biller: 'water', account: '1045333141' })).status)
      assert.deepEqual(answers.slice(0, 20), Array(20).fill(422))
      assert.deepEqual(answers.slice(20), [429, 429])
      // One count for both ways.
      assert.equal((await robot.post('/pay/account', { csrf, biller: 'water', account: '1045333141' })).status, 429)
      assert.equal((await robot.post('/pay/photo/bill', { biller: 'water', account: '1' })).status, 403, 'only from our own page')
    }))
})

test('twenty pictures at once are all answered in words, and the pages go on', { skip, timeout: 120_000 }, () =>
  withTown(async town => {
    const robot = plainBrowser(town.url)
    const csrf = /name="csrf" value="([^"]*)"/.exec((await robot.get('/pay/photo')).text)![1]!
    const picture = await dark()
    const send = async () => {
      const form = new FormData()
      form.set('csrf', csrf)
      form.set('file', new File([new Uint8Array(picture)], 'bill.png', { type: 'image/png' }))
      const cookie = [...robot.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const answered = await fetch(`${town.url}/pay/photo`, { method: 'POST', body: form, headers: { cookie, 'accept-language': 'zh-CN' } })
      return { status: answered.status, text: await answered.text() }
    }
    const sent = Array.from({ length: 20 }, send)
    const began = performance.now()
    assert.equal((await robot.get('/pay')).status, 200)
    assert.ok(performance.now() - began < 5_000, 'others are served meanwhile')
    const answers = Map.groupBy(await Promise.all(sent), answer => answer.status)
    assert.deepEqual([...answers.keys()].sort(), [422, 503])
    assert.ok(answers.get(422)!.length >= 6 && answers.get(422)!.every(answer => /照片太暗/.test(answer.text)))
    assert.ok(answers.get(503)!.every(answer => /读照片的人多/.test(answer.text)))
    assert.equal((await send()).status, 422, 'afterwards there is room again')
  }),
)

const dark = async (): Promise<Buffer> => {
  const { default: sharp } = await import('sharp')
  return sharp({ create: { width: 600, height: 800, channels: 3, background: '#0a0a0a' } })
    .png()
    .toBuffer()
}

test('a bill of each of six billers is read from a picture taken by a clumsy hand', { skip, timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    await seedTown(kernel, TENANT, { size: 'small', seed: 'photo' })
    const ctx = systemCtx(kernel, TENANT, 'test')
    const printer = await openPrinter(browser)
    const reader = createPhotoReader(silentLog())
    try {
      for (const [i, paper] of inventBills(6, 'six').entries()) {
        const picture = await photograph(await printer.print(paper), seededRandom(`six:${i}`))
        const { bill } = unwrap(await readBillPhoto(ctx, reader, picture))
        assert.equal(bill.biller?.value, paper.biller)
        if (i === 0) {
          const elsewhere = await readBillPhoto(systemCtx(kernel, 2, 'test'), reader, picture)
          assert.equal(!elsewhere.ok && elsewhere.error.code, 'billing.photo_of_no_bill', 'another tenant knows none of these billers')
        }
        assert.equal(bill.accountNo?.value, paper.accountNo, paper.biller)
        assert.equal(bill.amountFen?.value, paper.amountFen, paper.biller)
        assert.deepEqual(bill.period?.value, { from: paper.from, to: paper.to }, paper.biller)
      }
      assert.ok(reader.worker().rssMax < 900 * 2 ** 20, `${reader.worker().rssMax} bytes`)
    } finally {
      await printer.close()
      await reader.stop()
    }
  }),
)
