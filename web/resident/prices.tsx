import { dayWithYear, type Lang } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, Empty, Icon, Section, Table } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface TariffView {
  validFrom: string
  /** Null while in force. */
  validTo: string | null
  /** What is charged, what the price is for, and the price in yuan. */
  rows: readonly { name: string; note: string; price: string }[]
  /** Document the price rests on. */
  source?: string
}

export interface PricesView {
  services: readonly { service: string; biller: string; current: TariffView; earlier: readonly TariffView[] }[]
}

const validity = (tr: ReturnType<typeof t>, lang: Lang, tariff: TariffView) =>
  tariff.validTo === null
    ? tr('prices.valid_from', { from: dayWithYear(lang, tariff.validFrom) })
    : tr('prices.valid_range', { from: dayWithYear(lang, tariff.validFrom), to: dayWithYear(lang, tariff.validTo) })

function Tariff({ tariff, service }: { tariff: TariffView; service: string }) {
  const { ctx, t } = usePage()
  return (
    <>
      <Table
        caption={`${service}${t('list.comma')}${validity(t, ctx.lang, tariff)}`}
        columns={[
          {
            title: t('bill.item'),
            cell: (r: TariffView['rows'][number]) => (
              <>
                {r.name}
                <small class="t-3 line-sum">{r.note}</small>
              </>
            ),
          },
          { title: t('prices.unit_price'), cell: r => r.price, numeric: true },
        ]}
        rows={tariff.rows}
      />
      {tariff.source && <p class="t-3 t-sm">{t('prices.source', { source: tariff.source })}</p>}
    </>
  )
}

/** Published tariffs with the days they hold for, and all earlier ones. */
export function PricesPage({ view }: { view: PricesView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Heading title={t('prices.title')} lead={t('prices.lead')} />
      {view.services.length === 0 && <Empty title={t('prices.empty')} />}
      {view.services.map(s => (
        <Section key={s.service + s.biller} title={s.service}>
          <Card kind="stack">
            <p class="t-2">{s.biller}</p>
            <Tariff tariff={s.current} service={s.service} />
            {s.earlier.length > 0 && (
              <details>
                <summary>
                  <Icon name="next" />
                  {t('prices.history')}
                </summary>
                <div class="stack">
                  {s.earlier.map(e => (
                    <Tariff key={e.validFrom} tariff={e} service={s.service} />
                  ))}
                </div>
              </details>
            )}
          </Card>
        </Section>
      ))}
    </Layout>
  )
}

export const pricesPage = (ctx: PageContext, view: PricesView): string =>
  renderPage(ctx, <PricesPage view={view} />, { title: t(ctx.lang)('prices.title') })
