// A picture through a model that `restore models export derain --openvino derain-openvino/` wrote.
//
//     restore derain-openvino/model.xml rainy.ppm restored.ppm
//
// Reads and writes PPM (P6, 8 bits), so that no library beside OpenVINO is needed.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

// Position in an axis of `size` px that was padded by reflection behind its end.
static size_t mirrored(size_t position, size_t size) {
    if (size == 1) return 0;
    position %= 2 * (size - 1);
    return position < size ? position : 2 * (size - 1) - position;
}

static size_t round_up(size_t size, size_t multiple) {
    return (size + multiple - 1) / multiple * multiple;
}

static void restore(const std::string& model_file, const char* input, const char* output) {
    std::ifstream in(input, std::ios::binary);
    std::string magic;
    size_t width = 0, height = 0, largest = 0;
    in >> magic >> width >> height >> largest;
    in.get();
    std::vector<uint8_t> pixels(3 * width * height);
    in.read(reinterpret_cast<char*>(pixels.data()), static_cast<std::streamsize>(pixels.size()));
    if (!in || magic != "P6" || largest != 255) throw std::runtime_error("not a PPM file of 8 bits");

    ov::Core core;
    auto model = core.read_model(model_file);
    const size_t multiple = std::stoul(model->get_rt_info<std::string>("restore", "multiple"));
    auto request = core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();

    // Planes of red, green and blue in 0..1, padded to what the network divides by.
    const size_t rows = round_up(height, multiple), columns = round_up(width, multiple);
    ov::Tensor image(ov::element::f32, {1, 3, rows, columns});
    float* plane = image.data<float>();
    for (size_t c = 0; c < 3; ++c)
        for (size_t y = 0; y < rows; ++y)
            for (size_t x = 0; x < columns; ++x)
                *plane++ = pixels[3 * (mirrored(y, height) * width + mirrored(x, width)) + c] / 255.f;
    request.set_tensor("image", image);
    // A level that nobody knows is NaN: the network judges by itself.
    for (const auto& port : model->inputs()) {
        if (port.get_names().count("level") == 0) continue;
        ov::Shape shape{1};
        if (port.get_partial_shape().rank().get_length() == 2)
            shape.push_back(static_cast<size_t>(port.get_partial_shape()[1].get_length()));
        ov::Tensor level(ov::element::f32, shape);
        std::fill_n(level.data<float>(), level.get_size(), std::numeric_limits<float>::quiet_NaN());
        request.set_tensor("level", level);
    }
    request.infer();

    const float* restored = request.get_tensor("restored").data<float>();
    for (size_t c = 0; c < 3; ++c)
        for (size_t y = 0; y < height; ++y)
            for (size_t x = 0; x < width; ++x) {
                const float value = restored[(c * rows + y) * columns + x];
                pixels[3 * (y * width + x) + c] =
                    static_cast<uint8_t>(std::lround(255.f * std::clamp(value, 0.f, 1.f)));
            }
    std::ofstream out(output, std::ios::binary);
    out << "P6\n" << width << " " << height << "\n255\n";
    out.write(reinterpret_cast<const char*>(pixels.data()), static_cast<std::streamsize>(pixels.size()));
    if (!out) throw std::runtime_error("cannot write the result");
}

int main(int count, char** words) {
    if (count != 4) {
        std::cerr << "usage: restore MODEL.xml INPUT.ppm OUTPUT.ppm\n";
        return 2;
    }
    try {
        restore(words[1], words[2], words[3]);
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << "\n";
        return 1;
    }
}
