import type { Role } from '#modules/identity/index.ts'
import { dateTime } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, Empty, LinkButton, SummaryList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export type ReadingKind = 'person' | 'name' | 'id_number' | 'phone' | 'order'

export interface ReadingsView {
  readings: readonly {
    id: string
    at: Date
    /** Absent for an account nobody knows any more. */
    reader?: { role: Role; nameMasked: string }
    kind: ReadingKind
    /** Looked up how, where it is known. */
    by?: 'phone' | 'id_number' | 'id' | 'name' | 'address'
    /** In the words of who read. */
    why?: string
    order?: { href: string; text: string }
  }[]
}

/** Every reading by staff of what is the visitor's: when, from which office, what, why. */
export function ReadingsPage({ view }: { view: ReadingsView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <Heading title={t('readings.title')} lead={t('readings.lead')} />
      <div class="stack">
        {view.readings.length === 0 ? (
          <Empty title={t('readings.empty')}>
            <p>{t('readings.empty_text')}</p>
          </Empty>
        ) : (
          view.readings.map(r => (
            <Card key={r.id}>
              <SummaryList
                rows={[
                  { label: t('readings.at'), value: dateTime(ctx.lang, r.at) },
                  {
                    label: t('readings.who'),
                    value: r.reader ? `${t(`staff.role_${r.reader.role}`)} ${r.reader.nameMasked}` : t('readings.who_gone'),
                  },
                  {
                    label: t('readings.what'),
                    value: r.order ? <a href={r.order.href}>{r.order.text}</a> : t(`readings.what_${r.kind}`),
                  },
                  { label: t('readings.why'), value: r.why ?? t(r.by ? `readings.by_${r.by}` : 'readings.why_order') },
                ]}
              />
            </Card>
          ))
        )}
        {!ctx.signedIn && (
          <>
            <p class="t-2">{t('readings.sign_in')}</p>
            <LinkButton href={`${paths.signIn}?next=${encodeURIComponent(paths.readings)}`} kind="secondary" wide>
              {t('sign_in.title')}
            </LinkButton>
          </>
        )}
      </div>
    </Layout>
  )
}

export const readingsPage = (ctx: PageContext, view: ReadingsView): string =>
  renderPage(ctx, <ReadingsPage view={view} />, { title: t(ctx.lang)('readings.title') })
