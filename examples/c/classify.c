/* Runs a bundle's model on rows of numbers and prints what each is, with all outputs.
 *
 *   classify MODEL.tflite [--prepared] [--reference] < rows.csv
 *
 * bundle.h is what `lighterage edge snippet BUNDLE --language cpp` prints. A row is a line of EDGE_INPUTS numbers with
 * commas between them: raw ones, or with --prepared as the model takes them. --reference computes with plain kernels,
 * the same on every machine. Exit codes: 0 done, 1 the runtime failed, 2 a model or rows that cannot be used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bundle.h"
#include "litert.h"

#define DO(call) check((call), #call)

static void check(int status, const char *call) {
  if (status == 0) return;
  fprintf(stderr, "LiteRT's error %d in %s\n", status, call);
  exit(1);
}

static void stop(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(2);
}

/* The file's bytes, which the runtime goes on using. */
static const void *read_model(const char *path) {
  static char bytes[EDGE_MODEL_SIZE + 1];
  FILE *file = fopen(path, "rb");
  if (!file) stop("the model cannot be opened");
  if (fread(bytes, 1, sizeof bytes, file) != EDGE_MODEL_SIZE) stop("this is not the model that bundle.h was made for");
  fclose(file);
  return bytes;
}

/* 0 at the end of the input. */
static int read_row(double *row) {
  for (size_t at = 0; at < EDGE_INPUTS; at++) {
    const int found = scanf(at ? " ,%lf" : " %lf", &row[at]);
    if (found == EOF && at == 0) return 0;
    if (found != 1) stop("a row does not hold as many numbers as the model takes");
  }
  return 1;
}

/* The runtime insists on a function that releases what is not ours to release. */
static void keep(void *text) { (void)text; }

static LiteRtCompiledModel compile(LiteRtEnvironment environment, const char *path, int reference) {
  static char plain[] = "kernel_mode = \"reference\"\n";
  LiteRtModel model;
  LiteRtOptions options;
  LiteRtOpaqueOptions cpu;
  LiteRtCompiledModel compiled;
  DO(LiteRtCreateModelFromBuffer(environment, read_model(path), EDGE_MODEL_SIZE, &model));
  DO(LiteRtCreateOptions(&options));
  DO(LiteRtSetOptionsHardwareAccelerators(options, LITERT_CPU));
  if (reference) {
    DO(LiteRtCreateOpaqueOptions("xnnpack", plain, keep, &cpu));
    DO(LiteRtAddOpaqueOptions(options, cpu));
  }
  DO(LiteRtCreateCompiledModel(environment, model, options, &compiled));
  LiteRtDestroyOptions(options);
  return compiled;
}

static LiteRtTensorBuffer buffer(LiteRtEnvironment environment, int type, const int32_t *shape, size_t rank, size_t bytes) {
  LiteRtRankedTensorType tensor;
  LiteRtTensorBuffer made;
  memset(&tensor, 0, sizeof tensor);
  tensor.element_type = type;
  tensor.layout.rank = rank & 0x7f;
  memcpy(tensor.layout.dimensions, shape, rank * sizeof *shape);
  DO(LiteRtCreateManagedTensorBuffer(environment, LITERT_HOST_MEMORY, &tensor, bytes, &made));
  return made;
}

static void copy(LiteRtTensorBuffer made, void *ours, size_t bytes, int what_for) {
  void *memory;
  DO(LiteRtLockTensorBuffer(made, &memory, what_for));
  if (what_for == LITERT_WRITE)
    memcpy(memory, ours, bytes);
  else
    memcpy(ours, memory, bytes);
  DO(LiteRtUnlockTensorBuffer(made));
}

static double now(void) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* The label, where there are labels, and all outputs, with tabs between them. */
static void tell(const float *outputs) {
  const char *between = "";
#ifdef EDGE_LABELLED
  printf("%s", EDGE_LABELS[edge_best(outputs)]);
  between = "\t";
#endif
  for (size_t at = 0; at < EDGE_OUTPUTS; at++) {
    printf("%s%.9g", between, (double)outputs[at]);
    between = "\t";
  }
  printf("\n");
}

int main(int count, char **words) {
  static double row[EDGE_INPUTS];
  static float prepared[EDGE_INPUTS], outputs[EDGE_OUTPUTS];
  static edge_input_t stored[EDGE_INPUTS];
  static edge_output_t given[EDGE_OUTPUTS];
  int ready = 0, reference = 0;
  long rows = 0;
  double fastest = 1e9;
  if (count < 2) stop("usage: classify MODEL.tflite [--prepared] [--reference] < rows.csv");
  for (int at = 2; at < count; at++) {
    ready |= strcmp(words[at], "--prepared") == 0;
    reference |= strcmp(words[at], "--reference") == 0;
  }
  LiteRtEnvironment environment;
  DO(LiteRtCreateEnvironment(0, NULL, &environment));
  LiteRtCompiledModel model = compile(environment, words[1], reference);
  LiteRtTensorBuffer input = buffer(environment, EDGE_INPUT_TYPE, EDGE_INPUT_SHAPE,
                                    sizeof EDGE_INPUT_SHAPE / sizeof *EDGE_INPUT_SHAPE, sizeof stored);
  LiteRtTensorBuffer output = buffer(environment, EDGE_OUTPUT_TYPE, EDGE_OUTPUT_SHAPE,
                                     sizeof EDGE_OUTPUT_SHAPE / sizeof *EDGE_OUTPUT_SHAPE, sizeof given);
  for (; read_row(row); rows++) {
    const double start = now();
    if (ready)
      for (size_t at = 0; at < EDGE_INPUTS; at++) prepared[at] = (float)row[at];
    else
      edge_prepare(row, prepared);
    edge_to_stored(prepared, stored);
    copy(input, stored, sizeof stored, LITERT_WRITE);
    DO(LiteRtRunCompiledModel(model, 0, 1, &input, 1, &output));
    copy(output, given, sizeof given, LITERT_READ);
    edge_from_stored(given, outputs);
    const double took = now() - start;
    if (took < fastest) fastest = took;
    tell(outputs);
  }
  fprintf(stderr, "%s: %ld rows, the fastest in %.1f us\n", EDGE_NAME, rows, fastest);
  LiteRtDestroyTensorBuffer(output);
  LiteRtDestroyTensorBuffer(input);
  LiteRtDestroyCompiledModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
