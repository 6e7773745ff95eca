import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, PhoneButton, Section, SummaryList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface NotOpenView {
  door: 'services' | 'queue' | 'report'
  place: string
  windows: readonly { name: string; hours: string; address: string }[]
}

const names = { services: 'home.do', queue: 'home.ticket', report: 'home.say' } as const

/** An honest answer for a service this hall has not opened online: where the window and the telephone are. */
export function NotOpenPage({ view }: { view: NotOpenView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Heading title={t('not_open.title', { door: t(names[view.door]) })} lead={t('not_open.lead', { place: view.place })} />
      <PhoneButton />
      {view.windows.length > 0 && (
        <Section title={t('not_open.where')}>
          {view.windows.map(w => (
            <Card key={w.name} kind="stack">
              <h3>{w.name}</h3>
              <SummaryList
                rows={[
                  { label: t('not_open.hours'), value: w.hours },
                  { label: t('not_open.address'), value: w.address },
                ]}
              />
            </Card>
          ))}
        </Section>
      )}
    </Layout>
  )
}

export const notOpenPage = (ctx: PageContext, view: NotOpenView): string => {
  const tr = t(ctx.lang)
  return renderPage(ctx, <NotOpenPage view={view} />, { title: tr('not_open.title', { door: tr(names[view.door]) }) })
}
