import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import type { ElderSize } from '#web/ui/page.tsx'
import { addresses, openSampled, phone, residents, type Sampled } from './sampled.ts'

let sampled: Sampled
before(async () => {
  sampled = await openSampled()
})
after(() => sampled?.close())

const open = (options: Parameters<Sampled['browser']['newContext']>[0]) => sampled.browser.newContext({ ...phone, ...options })
/** English is the longer, Chinese what most read. */
const chosen = (lang: 'zh-CN' | 'en', size?: ElderSize) => addresses(residents, [size]).filter(path => path.includes(`/${lang}/`))
const pages = chosen('zh-CN')

/** What cannot be seen: text or icons in the colour of what is behind them, controls without an edge. */
const unseen = (): string[] => {
  const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number)
  const light = (colour: string): number => {
    const [r, g, b] = channels(colour).map(c => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const isClear = (colour: string) => colour === 'transparent' || channels(colour)[3] === 0
  const behind = (e: Element | null): string => {
    for (let at = e; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor
      if (!isClear(colour)) return colour
    }
    return 'rgb(255, 255, 255)'
  }
  const contrast = (a: string, b: string) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)
  const found: string[] = []
  const complain = (e: Element, what: string) => found.push(`${what} ${e.outerHTML.slice(0, 100)}`)
  for (const e of document.querySelectorAll<HTMLElement>('body *')) {
    if (e.getClientRects().length === 0 || e.closest('.skip, .unseen, .sprite, .qr, noscript')) continue
    const style = getComputedStyle(e)
    const hasText = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent!.trim() !== '')
    if (hasText && contrast(style.color, behind(e)) < 4.5) complain(e, `text ${style.color} on ${behind(e)}`)
    if (e.matches('svg.i') && contrast(style.stroke, behind(e)) < 3) complain(e, `icon ${style.stroke} on ${behind(e)}`)
    if (e.matches('.cols rect, .bar__fill') && contrast(style.fill, behind(e)) < 3) complain(e, `bar ${style.fill} on ${behind(e)}`)
    if (
      e.matches('.btn:not(.btn--link, .btn--quiet), .input') &&
      (style.borderTopStyle === 'none' || contrast(style.borderTopColor, behind(e.parentElement)) < 3)
    )
      complain(e, `edge ${style.borderTopColor} on ${behind(e.parentElement)}`)
    if (e.matches('input[type=radio], input[type=checkbox]') && style.appearance === 'none') complain(e, 'a mark of our own')
  }
  return found
}

test('in forced colours, dark and light, nothing is invisible', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const ctx = await open({ forcedColors: 'active', colorScheme })
    assert.deepEqual(await sampled.visit(pages, ctx, tab => tab.evaluate(unseen)), [], colorScheme)
  }
})

test('zoomed to twice the size on a screen of 720 px, and with text alone twice as large, nothing scrolls sideways', async () => {
  const wide = async (tab: Page) => {
    const { width, most } = await tab.evaluate(() => ({ width: document.documentElement.scrollWidth, most: innerWidth }))
    return width > most ? [`${width} px in ${most}`] : []
  }
  const zoomed = await open({ viewport: { width: 720, height: 1480 } })
  assert.deepEqual(
    await sampled.visit(pages, zoomed, async tab => {
      await tab.evaluate(() => document.documentElement.style.setProperty('zoom', '2'))
      return wide(tab)
    }),
    [],
  )
  const enlarged = await open({})
  assert.deepEqual(
    await sampled.visit(chosen('en'), enlarged, async tab => {
      await tab.evaluate(() => {
        const names = ['--fs-sm', '--fs', '--fs-md', '--fs-lg', '--fs-xl', '--fs-2xl']
        const at = getComputedStyle(document.documentElement)
        const doubled = names.map(name => [name, `${Number.parseFloat(at.getPropertyValue(name)) * 2}px`] as const)
        for (const [name, size] of doubled) document.documentElement.style.setProperty(name, size)
      })
      return wide(tab)
    }),
    [],
  )
})

/** Pairs of things to press that are nearer than 8 px; rows of one list are parted by their own inner space. */
const crowded = (): string[] => {
  const all = [
    ...document.querySelectorAll<HTMLElement>(
      'a, button, summary, .choice, input:not([type=hidden], [type=radio], [type=checkbox]), textarea',
    ),
  ]
  const boxes = all
    .filter(e => !e.closest('.skip, .paybar') && e.getClientRects().length > 0)
    .map(e => ({ e, r: e.getBoundingClientRect(), list: e.closest('.links, .door--main') }))
  const found: string[] = []
  for (const [i, a] of boxes.entries())
    for (const b of boxes.slice(i + 1)) {
      if (a.e.contains(b.e) || (a.list && a.list === b.list)) continue
      const [x, y] = [
        Math.max(a.r.left, b.r.left) - Math.min(a.r.right, b.r.right),
        Math.max(a.r.top, b.r.top) - Math.min(a.r.bottom, b.r.bottom),
      ]
      if (Math.max(x, y) < 7.5)
        found.push(`${Math.round(Math.max(x, y))} px: ${a.e.outerHTML.slice(0, 70)} | ${b.e.outerHTML.slice(0, 70)}`)
    }
  return found
}

test('things to press are at least 8 px apart, and the top of a page is one row, up to the largest text', async () => {
  for (const [lang, size] of [
    ['zh-CN', undefined],
    ['zh-CN', 'elder'],
    ['en', 'large'],
    ['en', 'max'],
  ] as const) {
    const complaints = await sampled.visit(chosen(lang, size), await open({}), async tab => [
      ...(await tab.evaluate(crowded)),
      ...(await tab.evaluate(() => {
        const [first, ...rest] = [...document.querySelectorAll('.topbar > *')].map(e => e.getBoundingClientRect())
        return rest.filter(r => r.top >= first!.bottom).map(() => 'the top takes two rows')
      })),
    ])
    assert.deepEqual(complaints, [], `${lang} ${size}`)
  }
})

test('whoever wants less motion gets none', async () => {
  const moving = () =>
    [...document.querySelectorAll('body *')].flatMap(e => {
      const { transitionDuration, animationDuration, animationName } = getComputedStyle(e)
      const lasts = (text: string) => text.split(',').some(part => Number.parseFloat(part) > 0)
      return lasts(transitionDuration) || (animationName !== 'none' && lasts(animationDuration)) ? [e.outerHTML.slice(0, 80)] : []
    })
  assert.deepEqual(await sampled.visit(pages, await open({}), tab => tab.evaluate(moving)), [])
  const others = await sampled.visit(pages.slice(0, 1), await open({ reducedMotion: 'no-preference' }), tab => tab.evaluate(moving))
  assert.ok(others.length > 0, 'somebody else sees a button answer softly')
})

interface Stop {
  readonly at: string
  readonly top: number
  readonly bottom: number
  readonly isSticky: boolean
  readonly isMarked: boolean
}

/** What has the focus and how it shows. */
const stop = (): Stop | undefined => {
  const e = document.activeElement
  if (!e || e === document.body) return undefined
  const r = e.getBoundingClientRect()
  const { boxShadow, outlineStyle, outlineColor } = getComputedStyle(e)
  const isClear = /^rgba\(.*, 0\)$|transparent/.test(outlineColor)
  return {
    at: `${e.tagName} ${e.id || e.getAttribute('href') || e.textContent!.trim().slice(0, 20)}`,
    top: r.top + scrollY,
    bottom: r.bottom + scrollY,
    isSticky: !!e.closest('.paybar, .skip'),
    isMarked: boxShadow !== 'none' || (outlineStyle !== 'none' && !isClear),
  }
}

/** How many stops the keyboard should make: each control, and one for a group of radio buttons. */
const expected = (): number => {
  const all = [...document.querySelectorAll<HTMLElement>('a[href], button, summary, input:not([type=hidden]), textarea')]
  const shown = all.filter(e => e.getClientRects().length > 0 && !e.hidden)
  const groups = new Set(shown.filter(e => e.matches('[type=radio]')).map(e => (e as HTMLInputElement).name))
  return shown.filter(e => !e.matches('[type=radio]')).length + groups.size
}

test('the keyboard stops at everything once, in the order of reading, and shows where it is', async () => {
  const complaints = await sampled.visit(pages, await open({}), async tab => {
    const found: string[] = []
    const count = await tab.evaluate(expected)
    await tab.evaluate(() => {
      ;(document.activeElement as HTMLElement | null)?.blur()
      document.body.tabIndex = -1
      document.body.focus()
      document.body.removeAttribute('tabindex')
    })
    const stops: Stop[] = []
    for (let i = 0; i < count; i++) {
      await tab.keyboard.press('Tab')
      const now = await tab.evaluate(stop)
      if (now) stops.push(now)
    }
    if (new Set(stops.map(s => `${s.at} ${s.top}`)).size !== count)
      found.push(`${stops.length} stops of ${count}: ${stops.map(s => s.at).join(', ')}`)
    for (const s of stops) if (!s.isMarked) found.push(`no mark on ${s.at}`)
    const steady = stops.filter(s => !s.isSticky)
    for (const [i, s] of steady.slice(1).entries())
      if (s.bottom <= steady[i]!.top) found.push(`${s.at} comes after ${steady[i]!.at}, which is below it`)
    return found
  })
  assert.deepEqual(complaints, [])
})
