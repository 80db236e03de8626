/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/spark.h"

#include "aggregator/cli/format.h"

#include <math.h>
#include <string.h>

static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/* The mean of what is known of values[from, to), else NaN. */
static double mean(const double *values, size_t from, size_t to)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		if (isnan(values[i]))
			continue;
		sum += values[i];
		n++;
	}
	return n > 0 ? sum / (double)n : NAN;
}

void cli_spark(struct mu_str *out, const double *values, size_t n, size_t width)
{
	size_t n_bars = n < width ? n : width;
	double least = 0, greatest = 0;

	for (size_t i = 0; i < n_bars; i++) {
		double v = mean(values, i * n / n_bars, (i + 1) * n / n_bars);

		/* What is NaN is neither. */
		least = v < least ? v : least;
		greatest = v > greatest ? v : greatest;
	}
	for (size_t i = 0; i < n_bars; i++) {
		double v = mean(values, i * n / n_bars, (i + 1) * n / n_bars);
		double part = greatest > least ? (v - least) / (greatest - least) : 0;

		mu_str_add(out, isnan(v) ? " " : bars[(size_t)(part * 7 + 0.5)]);
	}
}

void cli_spark_value(struct mu_str *out, double value, const char *unit)
{
	double bytes = strcmp(unit, "KiB") == 0 ? value * 1024 : value;

	if (!isfinite(value))
		mu_str_add_char(out, '-');
	else if (strcmp(unit, "ratio") == 0)
		mu_str_printf(out, "%.1f %%", value * 100);
	else if ((strncmp(unit, "bytes", 5) == 0 || strcmp(unit, "KiB") == 0) && bytes >= 0 &&
		 bytes < 9e18) {
		cli_format_bytes(out, (int64_t)bytes);
		mu_str_add(out, unit[0] == 'b' ? unit + 5 : "");
	} else if (unit[0] == '\0' || strcmp(unit, "count") == 0)
		mu_str_printf(out, "%.4g", value);
	else
		mu_str_printf(out, "%.4g %s", value, unit);
}
