import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const HTML_CHARS_MAX = 120

/** What axe complains of on a page as it stands: rule and elements. Pages hold no frames, so one run in the page itself is enough. */
export async function axeOn(page: Page, without: readonly string[] = []): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(TAGS)
    .disableRules([...without])
    .setLegacyMode(true)
    .analyze()
  return violations.map(v => `${v.id} ${v.nodes.map(node => node.html.slice(0, HTML_CHARS_MAX)).join(' | ')}`)
}
