// Loads a SavedModel with TensorFlow's own C++ loader, as TensorFlow Serving does, and runs the signature
// "encode_text" on the texts of the command line: load_saved_model <folder> <text>...
// Prints one line of numbers per text.

#include <cstdio>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"

int main(int argc, char** argv) {
  tensorflow::SavedModelBundle model;
  auto status = tensorflow::LoadSavedModel({}, {}, argv[1], {"serve"}, &model);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  const auto& signature = model.GetSignatures().at("encode_text");

  tensorflow::Tensor texts(tensorflow::DT_STRING, {argc - 2});
  for (int i = 2; i < argc; ++i) texts.vec<tensorflow::tstring>()(i - 2) = argv[i];
  std::vector<tensorflow::Tensor> outputs;
  status = model.GetSession()->Run({{signature.inputs().at("text").name(), texts}},
                                   {signature.outputs().at("latent").name()}, {}, &outputs);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  const auto embeddings = outputs[0].matrix<float>();
  for (int row = 0; row < embeddings.dimension(0); ++row) {
    for (int i = 0; i < embeddings.dimension(1); ++i) std::printf("%.9g ", embeddings(row, i));
    std::printf("\n");
  }
  return 0;
}
